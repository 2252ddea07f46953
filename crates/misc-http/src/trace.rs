//! Traces and deadlines in the headers of requests.
//!
//! The [standard layer](crate::layers::standard) reads them, [`inject`] writes them into what a handler sends on:
//!
//! | header | what it says | by |
//! | --- | --- | --- |
//! | `traceparent`, `tracestate` (at most 512 bytes) | where the caller stands in a trace | [W3C Trace Context] |
//! | `x-envoy-expected-rq-timeout-ms` | how many milliseconds the caller waits | [Envoy], and by now custom |
//! | `x-request-id` | how everybody names this request | nobody, and in wide use |
//! | `grpc-timeout` (only read) | how long the caller waits, with a unit | [gRPC over HTTP/2] |
//!
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context/
//! [Envoy]: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
//! [gRPC over HTTP/2]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

use http::{HeaderMap, HeaderName, HeaderValue};
use misc_core::{Deadline, TraceContext};
use tokio::time::Duration;

use crate::layers::{RequestId, X_REQUEST_ID};

pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
pub(crate) static EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
pub(crate) static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// How many bytes of a `tracestate` are passed on.
const LONGEST_STATE: usize = 512;

/// Writes where the work at hand stands, and until when it must be done, into the headers of an outgoing request.
///
/// These are the current [`TraceContext`] (`traceparent`, `tracestate`), what is left of the current [`Deadline`]
/// (`x-envoy-expected-rq-timeout-ms`, rounded up) and the current [`RequestId`] (`x-request-id`); what is there none of
/// leaves the headers as they are. The map is the one of reqwest and hyper, too.
///
/// # Examples
/// ```
/// use http::HeaderMap;
/// use misc_core::TraceContext;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let call = async {
///     let mut headers = HeaderMap::new();
///     misc_http::trace::inject(&mut headers);
///     assert_eq!(headers["traceparent"], traceparent);
/// };
/// TraceContext::parse(traceparent).expect("valid").scope(call).await;
/// # }
/// ```
pub fn inject(headers: &mut HeaderMap) {
    if let Some(context) = TraceContext::current() {
        write_trace(headers, &context);
    }
    if let Some(deadline) = Deadline::current() {
        headers.insert(&EXPECTED_TIMEOUT, millis(deadline.remaining()).into());
    }
    if let Some(id) = RequestId::current() {
        headers.insert(&X_REQUEST_ID, id.to_header());
    }
}

/// Reads the trace that a request belongs to, given its only `traceparent`.
pub(crate) fn read_trace(traceparent: &HeaderValue, headers: &HeaderMap) -> Option<TraceContext> {
    let context = TraceContext::parse(traceparent.to_str().ok()?)?;
    let mut states = headers.get_all(&TRACESTATE).iter().filter_map(|state| state.to_str().ok());
    let Some(first) = states.next() else {
        return Some(context);
    };
    // Several are one list, as of any header (RFC 9110, 5.3).
    let joined = states.fold(None, |joined: Option<String>, state| {
        let mut joined = joined.unwrap_or_else(|| first.to_owned());
        joined.extend([",", state]);
        Some(joined)
    });
    let state = joined.as_deref().unwrap_or(first);
    // What is longer need not be passed on (section 3.3.1.5), and a client could make all that is called refuse it.
    Some(if state.len() > LONGEST_STATE { context } else { context.state(state) })
}

/// Reads `x-envoy-expected-rq-timeout-ms`: a number of milliseconds.
pub(crate) fn read_expected_timeout(value: &HeaderValue) -> Option<Duration> {
    number(value.as_bytes(), 18).map(Duration::from_millis)
}

/// Reads `grpc-timeout`: at most 8 digits and a unit.
pub(crate) fn read_grpc_timeout(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    let number = number(digits, 8)?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 60 * 60),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

fn write_trace(headers: &mut HeaderMap, context: &TraceContext) {
    if let Ok(traceparent) = HeaderValue::try_from(context.to_string()) {
        headers.insert(&TRACEPARENT, traceparent);
    }
    // One of another trace must not stay.
    headers.remove(&TRACESTATE);
    if let Some(state) = context.tracestate().and_then(|state| HeaderValue::from_str(state).ok()) {
        headers.insert(&TRACESTATE, state);
    }
}

/// Rounds up: less than a millisecond is not nothing.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn number(digits: &[u8], most: usize) -> Option<u64> {
    let is_number = (1..=most).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
