#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod log;
mod setup;

mod error;
mod filter;
mod layer;
#[cfg(feature = "otel")]
mod otel;
mod output;
mod panic;
mod repeats;
mod span;
mod style;
mod sync;
mod value;
mod writer;

#[doc(no_inline)]
pub use tracing_subscriber;

#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub use self::otel::Otel;
pub use self::{
    config::{Color, Config, Format, Output, Overflow, RepeatLimit},
    error::Error,
    filter::{FilterError, LevelHandle},
    log::Log,
    setup::{Setup, init},
};
