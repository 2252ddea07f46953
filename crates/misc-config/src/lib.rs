#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "garde")]
#[cfg_attr(docsrs, doc(cfg(feature = "garde")))]
pub mod garde;

mod builtin;
mod cli;
mod config;
mod docs;
mod dotenv;
mod environment;
mod error;
mod explain;
mod fallback;
mod file;
mod format;
mod json_schema;
mod keys;
mod last_good;
mod layer;
mod live;
mod loader;
mod mask;
mod merge;
mod nearest;
mod path;
mod place;
mod plan;
mod print;
mod read;
#[cfg(test)]
mod sample;
mod secret;
mod shape;
mod show;
mod source;
mod template;
mod text;
mod told;
mod tree;
mod typing;
mod validate;
mod watch;

pub use misc_core::schema;
/// # Examples
///
/// ```
/// use std::{net::IpAddr, time::Duration};
///
/// use misc_config::{Config, Invalid};
/// use serde::Deserialize;
///
/// /// Settings of the shop.
/// #[derive(Debug, Deserialize, Config)]
/// #[config(env_prefix = "APP")]
/// struct AppConfig {
///     /// Address to listen on.
///     #[config(default = "0.0.0.0")]
///     host: IpAddr,
///     /// Port to listen on.
///     #[config(default = 8000, env = "APP_PORT", short = 'p')]
///     port: u16,
///     #[config(nested)]
///     pool: Pool,
/// }
///
/// /// Connections to keep.
/// #[derive(Debug, Deserialize, Config)]
/// #[config(validate)]
/// struct Pool {
///     min: u32,
///     max: u32,
///     /// How long to wait for one.
///     #[serde(default)]
///     timeout: Option<Duration>,
/// }
///
/// impl Pool {
///     fn validate(&self) -> Result<(), Invalid> {
///         if self.min > self.max {
///             return Err(Invalid::new("min", "must not be above `max`"));
///         }
///         Ok(())
///     }
/// }
/// ```
pub use misc_macros::Config;

/// What a type must be able to do to be a [`Secret`]: overwrite itself.
pub use zeroize::Zeroize;

pub use self::{
    builtin::Builtin,
    config::Config,
    error::{Error, Problem},
    explain::{Explained, Explanation, Shadowed},
    format::Format,
    last_good::LastGood,
    layer::Layer,
    live::{Changes, Live, Reloader},
    loader::{Loader, Local, Remote},
    place::Place,
    secret::Secret,
    source::Source,
    validate::{Invalid, Validate},
};

#[doc(hidden)]
pub mod __private {
    pub use serde::de::DeserializeOwned;

    pub use crate::validate::{Missing, NoRules, OwnRules, Unvalidated, ValidateProbe, Verdict};
}
