//! The head of a request, and that of its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER},
};
use misc_core::TraceContext;

use super::answer::Answer;
use crate::payload::Payload;

static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// How many bytes of a `tracestate` are passed on (W3C Trace Context, 3.3.1.5).
const LONGEST_STATE: usize = 512;

/// What a client should do that came to a busy server: ask again after this many seconds.
const RETRY: HeaderValue = HeaderValue::from_static("1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What the head of a request says.
pub(crate) struct Head<'a> {
    headers: &'a HeaderMap,
    content: Option<&'a HeaderValue>,
    timeout: Option<&'a HeaderValue>,
    parents: usize,
    parent: Option<&'a HeaderValue>,
    has_state: bool,
}

impl<'a> Head<'a> {
    /// Looks at each header once: to look for one of a name takes longer than to compare a few.
    pub(crate) fn new(headers: &'a HeaderMap) -> Self {
        let mut head = Self { headers, content: None, timeout: None, parents: 0, parent: None, has_state: false };
        for (name, value) in headers {
            match name.as_str() {
                "content-type" => head.content = head.content.or(Some(value)),
                "x-envoy-expected-rq-timeout-ms" => head.timeout = head.timeout.or(Some(value)),
                "traceparent" => (head.parents, head.parent) = (head.parents + 1, Some(value)),
                "tracestate" => head.has_state = true,
                _ => {}
            }
        }
        head
    }

    /// Answers a request that is none of JSON-RPC over HTTP.
    ///
    /// One whose content is not said to be JSON is refused, since any page could have a browser send it here.
    pub(crate) fn refuse(&self, method: &Method) -> Option<Response<Payload>> {
        if *method != Method::POST {
            let text = "JSON-RPC is called by POST, as `curl --json` does\n";
            let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return Some(response);
        }
        let is_json = self.content.is_some_and(|content| is_json(content.as_bytes()));
        (!is_json).then(|| {
            let text = "JSON-RPC takes `Content-Type: application/json`, which `curl --json` sends\n";
            respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, TEXT, text)
        })
    }

    /// Reads how long the caller waits.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let digits = self.timeout?.as_bytes();
        let is_number = (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        let millis = || digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        is_number.then(|| Duration::from_millis(millis()))
    }

    /// Reads where the caller stands in a trace.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        // Two parents are none: nobody knows which is right.
        let parent = self.parent.filter(|_| self.parents == 1)?;
        let context = TraceContext::parse(str::from_utf8(parent.as_bytes()).ok()?)?;
        if !self.has_state {
            return Some(context);
        }
        let states = self.headers.get_all(&TRACESTATE).iter().filter_map(|state| state.to_str().ok());
        // Several are one list, as of any header (RFC 9110, 5.3).
        let state = states.collect::<Vec<_>>().join(",");
        Some(if state.len() > LONGEST_STATE { context } else { context.state(state) })
    }
}

/// Makes the answer to calls; there may be nothing to say.
pub(crate) fn answer(json: Vec<u8>, is_busy: bool) -> Response<Payload> {
    let mut response = match json.is_empty() {
        true => Response::new(Payload::default()),
        false => respond(StatusCode::OK, JSON, json),
    };
    if is_busy {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(RETRY_AFTER, RETRY);
    } else if response.body().as_bytes().is_empty() {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

/// Makes the answer to a body that cannot be read as calls.
pub(crate) fn reject(status: StatusCode, code: i32, data: Option<&str>) -> Response<Payload> {
    let mut json = Vec::with_capacity(128);
    Answer::new(&mut json, Some(b"null")).error(code, data);
    respond(status, JSON, json)
}

fn respond(status: StatusCode, content: HeaderValue, body: impl Into<Bytes>) -> Response<Payload> {
    let mut response = Response::new(Payload::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content);
    response
}

/// Tells whether a type of content is JSON, or something of its kind.
fn is_json(content: &[u8]) -> bool {
    let essence = content.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let known: [&[u8]; 3] = [b"application/json", b"application/json-rpc", b"application/jsonrequest"];
    let is_derived = |suffix: &[u8]| suffix.eq_ignore_ascii_case(b"+json");
    known.iter().any(|known| essence.eq_ignore_ascii_case(known))
        || essence.len().checked_sub(5).is_some_and(|at| is_derived(&essence[at..]))
}
