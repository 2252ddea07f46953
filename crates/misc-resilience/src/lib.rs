#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod classify;
mod error;
mod refused;
mod sync;

pub use misc_core::{Idempotent, Verdict};

pub use self::{
    breaker::{
        Breaker, BreakerConfig, BreakerFuture, BreakerLayer, BreakerService, BreakerState, BreakerStatus,
        BreakerTransition, Mode, Permit, Window,
    },
    classify::{Again, ByStatus, Classify},
    error::{Error, Rejection},
    refused::Refused,
};
