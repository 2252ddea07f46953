#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The first program that people see is compiled, too.
#![cfg_attr(all(doctest, feature = "http", feature = "log", feature = "test"), doc = include_str!("../../../README.md"))]
// So is what the guide to settings shows.
#![cfg_attr(all(doctest, feature = "config", feature = "log"), doc = include_str!("../../../docs/configuration.md"))]
// What the guide to calls shows.
#![cfg_attr(all(doctest, feature = "health", feature = "http", feature = "resilience", feature = "rpc"), doc = include_str!("../../../docs/calling.md"))]
// What the guide to tasks shows.
#![cfg_attr(all(doctest, feature = "health", feature = "scheduler-tokio-cron"), doc = include_str!("../../../docs/scheduling.md"))]
// And what the guide to queues shows.
#![cfg_attr(all(doctest, feature = "config", feature = "health", feature = "queue-cli", feature = "scheduler"), doc = include_str!("../../../docs/queue.md"))]

pub mod prelude;

#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
#[doc(inline)]
pub use misc_config as config;
#[cfg(feature = "health")]
#[cfg_attr(docsrs, doc(cfg(feature = "health")))]
#[doc(inline)]
pub use misc_health as health;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
#[doc(inline)]
pub use misc_http as http;
#[cfg(feature = "log")]
#[cfg_attr(docsrs, doc(cfg(feature = "log")))]
#[doc(inline)]
pub use misc_log as log;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
#[doc(inline)]
pub use misc_metrics as metrics;
#[cfg(feature = "net")]
#[cfg_attr(docsrs, doc(cfg(feature = "net")))]
#[doc(inline)]
pub use misc_net as net;
#[cfg(feature = "queue")]
#[cfg_attr(docsrs, doc(cfg(feature = "queue")))]
#[doc(inline)]
pub use misc_queue as queue;
#[cfg(feature = "resilience")]
#[cfg_attr(docsrs, doc(cfg(feature = "resilience")))]
#[doc(inline)]
pub use misc_resilience as resilience;
#[cfg(feature = "rpc")]
#[cfg_attr(docsrs, doc(cfg(feature = "rpc")))]
#[doc(inline)]
pub use misc_rpc as rpc;
#[cfg(feature = "scheduler")]
#[cfg_attr(docsrs, doc(cfg(feature = "scheduler")))]
#[doc(inline)]
pub use misc_scheduler as scheduler;
#[cfg(feature = "test")]
#[cfg_attr(docsrs, doc(cfg(feature = "test")))]
#[doc(inline)]
pub use misc_test as test;
#[cfg(feature = "upgrade")]
#[cfg_attr(docsrs, doc(cfg(feature = "upgrade")))]
#[doc(inline)]
pub use misc_upgrade as upgrade;

#[doc(inline)]
pub use misc_core::*;
