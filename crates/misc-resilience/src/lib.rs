#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod classify;
mod error;

pub use misc_core::{Idempotent, Verdict};

pub use self::{
    classify::{ByStatus, Classify},
    error::{Error, Rejection},
};
