#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod tcp;
pub mod unix;

pub mod udp;

#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub mod tls;

mod crew;
mod outcome;
mod pause;
mod stream;
mod time;

#[doc(no_inline)]
pub use tokio_util::codec;
