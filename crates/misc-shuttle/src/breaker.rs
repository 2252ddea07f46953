//! The breaker of misc-resilience, as far as it is shared.

#[path = "../../misc-resilience/src/breaker/config.rs"]
pub(crate) mod config;
#[path = "../../misc-resilience/src/breaker/machine.rs"]
pub(crate) mod machine;
#[path = "../../misc-resilience/src/breaker/moment.rs"]
pub(crate) mod moment;
#[path = "../../misc-resilience/src/breaker/rules.rs"]
pub(crate) mod rules;
#[path = "../../misc-resilience/src/breaker/shared.rs"]
pub(crate) mod shared;
#[path = "../../misc-resilience/src/breaker/state.rs"]
pub(crate) mod state;
#[path = "../../misc-resilience/src/breaker/window.rs"]
pub(crate) mod window;
