//! The servers, whose metrics are scraped.

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc};

use axum::{Router, http::StatusCode, routing::get};
use misc_metrics::Registry;

use crate::{
    Error,
    areas::{
        exposition::libraries::{Kind, fill, filled},
        http::server::{app, serve_axum, serve_misc},
    },
};

pub(super) const UNSCRAPED: &str = "unscraped";
pub(super) const MISC: &str = "misc-metrics";

/// Lets a contender serve until the work, which gets its address, is done.
pub(super) async fn serve_while<T>(
    contender: &str,
    series: u32,
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
) -> Result<T, Error> {
    let routes = Router::new().route("/", get(async || "Hello, World!"));
    if [UNSCRAPED, MISC].contains(&contender) {
        let registry = Registry::new("").series_limit(NonZeroUsize::try_from(usize::try_from(series)?)?);
        fill(&registry, Kind::Counters, series)?;
        return serve_misc(app(), routes.route_service("/metrics", registry.endpoint()), work).await;
    }
    let encode = Arc::new(filled(contender, Kind::Counters, series)?.1);
    let page = async move || encode().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR);
    serve_axum(routes.route("/metrics", get(page)), work).await
}
