//! What the kit promises, and that it notices what it is there for.

mod app;
mod clean;
mod clock;
mod faults;
mod guide;
mod logs;
mod memory;
mod metrics;
mod phases;
mod requirement;
mod signal;
mod support;
