#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arm;
mod calendar;
mod clock;
mod engine;
mod handle;
mod health;
mod instant;
mod ledger;
mod meters;
mod on_demand;
mod opened;
mod policy;
mod refused;
mod run;
mod scheduler;
mod status;
mod task;
mod times;
#[cfg(feature = "tokio-cron")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio-cron")))]
pub mod tokio_cron;
mod trigger;
mod with_tasks;
mod work;

pub use misc_macros::service;
#[cfg(feature = "tokio-cron")]
#[doc(no_inline)]
pub use tokio_cron_scheduler;

pub use self::{
    clock::Clock,
    handle::Tasks,
    health::Unhealthy,
    ledger::{FileLedger, MemoryLedger},
    on_demand::{OnDemand, RunError, Running, on_demand, on_demand_with},
    opened::NotOpen,
    policy::{Misfire, OnFailure, OnStop, Overlap, Retry, WhenAway},
    refused::Refused,
    run::Run,
    scheduler::Scheduler,
    status::{Outcome, Ran, State, TaskStatus},
    task::Task,
    trigger::{
        After, Any, At, Cron, Daily, Every, Fire, Firing, Moment, Names, On, Schedule, Trigger, after, any_of, at,
        cron, custom, daily, every, manual, once,
    },
    with_tasks::WithTasks,
    work::{Answer, Next, Nothing, Work},
};

#[doc(hidden)]
pub mod __private {
    pub use misc_core::{BoxError, Context, Plan, Service};

    pub use crate::{
        opened::{Contexts, opened},
        with_tasks::{Returned, Tasked, This, describe, on_demand, task},
    };
}
