#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod registry;

mod counter;
mod gauge;
mod histogram;

mod family;

mod collect;
mod encode;
mod endpoint;
mod layer;

mod catalog;
mod error;
mod exemplar;
mod labels;
mod name;
mod plugin;
mod process;
mod recorder;
mod runtime;
mod store;
mod sync;

pub use self::{
    collect::Collect,
    counter::Counter,
    encode::Format,
    endpoint::{Body, Endpoint, ResponseFuture},
    error::Error,
    family::{Family, Metric},
    gauge::{Gauge, GaugeGuard},
    histogram::{Histogram, Timer},
    layer::{Measured, MeasuredFuture, RequestLayer},
    registry::{Buckets, Labels, Registry},
};
