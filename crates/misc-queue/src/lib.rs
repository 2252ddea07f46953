#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cli")]
mod cli;
mod clock;
mod config;
mod engine;
mod error;
mod failure;
mod health;
mod job;
mod ledger;
mod opening;
mod operator;
mod options;
mod payload;
mod queue;
mod status;
mod store;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod transaction;
mod url;
mod worker;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[doc(no_inline)]
pub use sqlx;

#[cfg(feature = "cli")]
pub use self::cli::{Command, Format, Which};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use self::transaction::Transaction;
pub use self::{
    config::{Config, Keep, Overflow, Work},
    error::Error,
    failure::{Discard, Postpone},
    health::Unhealthy,
    job::Job,
    opening::{Opening, open},
    operator::Operator,
    options::{Push, Pushed, Unique},
    payload::Payload,
    queue::Queue,
    status::{JobId, JobStatus, PayloadJson, QueueStatus, Reason, Selection, State, UnknownState},
    store::{Store, StoreService},
    url::Url,
    worker::Worker,
};
