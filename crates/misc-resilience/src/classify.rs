//! What requests and their answers mean to a layer.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Request, Response, StatusCode, header::RETRY_AFTER};
use misc_core::{Idempotent, Verdict};

/// Tells a layer what the answers of its service mean; [`ByStatus`] does so for HTTP, and a closure can.
pub trait Classify<Res, Err> {
    /// Returns what the end of a call says about the service.
    fn verdict(&self, answer: Result<&Res, &Err>) -> Verdict;

    /// Says of an answer that is a failure what it is, to be shown as the last error.
    fn describe(&self, answer: &Res) -> String {
        let _ = answer;
        "the answer is a failure".to_owned()
    }
}

#[diagnostic::do_not_recommend]
impl<F: Fn(Result<&Res, &Err>) -> Verdict, Res, Err> Classify<Res, Err> for F {
    fn verdict(&self, answer: Result<&Res, &Err>) -> Verdict {
        self(answer)
    }
}

/// Makes requests once more, for a layer that repeats calls; [`ByStatus`] does so for HTTP, and a closure can.
pub trait Again<Req> {
    /// Makes the request once more, if it may be made twice; `None` if it may not, which is what holds unless said
    /// otherwise.
    fn again(&self, request: &Req) -> Option<Req> {
        let _ = request;
        None
    }
}

#[diagnostic::do_not_recommend]
impl<F: Fn(&Req) -> Option<Req>, Req> Again<Req> for F {
    fn again(&self, request: &Req) -> Option<Req> {
        self(request)
    }
}

/// Reads requests and answers of HTTP as their standard has it.
///
/// An answer means what a [`Verdict`] among its extensions says, else what its status does: 429 and 503 are transient,
/// and say in `Retry-After` when to ask again; so are 408, 502 and 504; any other 5xx is a failure; the rest is an answer,
/// with which the service has done its work. An error of the service is transient.
///
/// A request may be made again if its method is idempotent ([RFC 9110, 9.2.2]), or it has [`Idempotent`] among its
/// extensions.
///
/// [RFC 9110, 9.2.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByStatus;

impl<S, E> Classify<Response<S>, E> for ByStatus {
    fn verdict(&self, answer: Result<&Response<S>, &E>) -> Verdict {
        let Ok(response) = answer else {
            return Verdict::Transient(None);
        };
        if let Some(verdict) = response.extensions().get() {
            return *verdict;
        }
        match response.status() {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Verdict::Transient(retry_after(response.headers()))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Verdict::Transient(None)
            }
            status if status.is_server_error() => Verdict::Failure,
            _ => Verdict::Success,
        }
    }

    fn describe(&self, answer: &Response<S>) -> String {
        answer.status().to_string()
    }
}

impl<Q: Clone> Again<Request<Q>> for ByStatus {
    fn again(&self, request: &Request<Q>) -> Option<Request<Q>> {
        let is_safe = request.method().is_idempotent() || request.extensions().get::<Idempotent>().is_some();
        is_safe.then(|| request.clone())
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
