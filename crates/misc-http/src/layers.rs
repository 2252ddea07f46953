//! Layers: what stands around handlers.
//!
//! There is one, [`standard`], with what every service that is called over HTTP needs.

mod body;
#[cfg(feature = "axum")]
mod counted;
mod exchange;
mod fault;
mod future;
mod incoming;
mod metrics;
mod request_id;
mod route;
mod size;
mod standard;

pub(crate) use self::request_id::X_REQUEST_ID;
pub use self::{
    body::ResponseBody,
    future::ResponseFuture,
    request_id::RequestId,
    route::Route,
    standard::{Standard, StandardService, standard},
};
