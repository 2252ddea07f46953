#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batcher;
mod breaker;
mod budget;
mod bulkhead;
mod classify;
mod error;
mod policy;
mod refused;
mod retry;
mod sync;

pub use misc_core::{Idempotent, Verdict};

pub use self::{
    batcher::{BatchError, Batcher},
    breaker::{
        Breaker, BreakerConfig, BreakerFuture, BreakerLayer, BreakerService, BreakerState, BreakerStatus,
        BreakerTransition, Mode, Permit, Window,
    },
    budget::{Budget, BudgetConfig},
    bulkhead::{Bulkhead, BulkheadConfig, BulkheadFuture, BulkheadService, Slot},
    classify::{Again, ByStatus, Classify},
    error::{Boxed, Error, Rejection},
    policy::{BulkheadStatus, Policy, PolicyConfig, PolicyFuture, PolicyLayer, PolicyService, PolicyStatus},
    refused::Refused,
    retry::{Attempt, Delays, EveryError, Jitter, Retry, RetryConfig, Unless},
};
