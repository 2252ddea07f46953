#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod check;
mod damping;
mod document;
mod endpoint;
mod flight;
mod health;
mod liveness;
mod phases;
mod record;
mod report;
mod service;
mod setup;

pub use self::{
    check::{Check, IntoCheck, check, check_with},
    endpoint::{Details, Endpoint},
    health::Health,
    liveness::Alive,
    report::{Component, Report, Status},
    setup::{ALL, LIVENESS, READINESS, STARTUP},
};
