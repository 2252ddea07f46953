//! What a request says of the work that it is a part of.

use std::io::Write;

use http::{HeaderMap, HeaderName, HeaderValue};
use misc_core::{Deadline, TraceContext};
use tokio::time::Duration;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
static EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// The length of a `traceparent`.
const TRACEPARENT_SIZE: usize = 55;

/// Writes the trace into the headers.
pub(super) fn write_trace(headers: &mut HeaderMap) {
    let Some(context) = TraceContext::current() else { return };
    let mut text = [0; TRACEPARENT_SIZE];
    if write!(&mut text[..], "{context}").is_ok()
        && let Ok(traceparent) = HeaderValue::from_bytes(&text)
    {
        headers.insert(&TRACEPARENT, traceparent);
    }
    if let Some(state) = context.tracestate().and_then(|state| HeaderValue::from_str(state).ok()) {
        headers.insert(&TRACESTATE, state);
    }
}

/// Writes how long the answer is waited for.
pub(super) fn write_deadline(headers: &mut HeaderMap, left: Duration) {
    // A number would be written into more memory than it needs.
    if let Ok(millis) = HeaderValue::from_str(itoa::Buffer::new().format(millis(left))) {
        headers.insert(&EXPECTED_TIMEOUT, millis);
    }
}

/// Returns what is left of the current deadline; an error if that is nothing.
pub(super) fn left() -> Result<Option<Duration>, Late> {
    match Deadline::current().map(Deadline::remaining) {
        Some(Duration::ZERO) => Err(Late),
        left => Ok(left),
    }
}

/// A deadline has passed before a request was sent.
pub(super) struct Late;

/// Rounds up: less than a millisecond is not nothing.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
