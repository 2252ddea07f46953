//! The metrics of requests: how many, how long, how large.

use std::{fmt, sync::OnceLock};

use http::Method;
use misc_core::{Gauge, Histogram, Meter};
use tokio::time::Duration;

use super::fault::ErrorType;

/// A method, as OpenTelemetry has it in labels: whatever is not known is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verb(u8);

const VERBS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"];

impl Verb {
    pub(crate) const HEAD: Self = Self(1);
    const OTHER: Self = Self(9);

    pub(crate) fn of(method: &Method) -> Self {
        Self(match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::POST => 2,
            Method::PUT => 3,
            Method::DELETE => 4,
            Method::CONNECT => 5,
            Method::OPTIONS => 6,
            Method::TRACE => 7,
            Method::PATCH => 8,
            _ => 9,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        VERBS[usize::from(self.0)]
    }

    /// The method in the name of a span, where OpenTelemetry has another word for what is not known.
    pub(crate) fn in_name(self) -> &'static str {
        if self == Self::OTHER { "HTTP" } else { self.as_str() }
    }
}

/// What is told of a request when it has been served.
#[derive(Debug)]
pub(crate) struct Served<'a> {
    pub(crate) verb: Verb,
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    pub(crate) error: Option<ErrorType>,
    pub(crate) duration: Duration,
    pub(crate) request_size: Option<u64>,
    pub(crate) response_size: Option<u64>,
}

impl Served<'_> {
    fn code(&self) -> Code {
        (self.verb.0, self.status, self.error)
    }

    /// Chooses the list that the series is in. It need not be good at it: a list may have several series.
    fn list(&self) -> usize {
        let seed = u64::from(self.status) << 4 | u64::from(self.verb.0);
        let mix = |hash: u64, part: u64| (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let (parts, rest) = self.route.as_bytes().as_chunks();
        let hash = parts.iter().fold(seed, |hash, part| mix(hash, u64::from_le_bytes(*part)));
        let hash = mix(hash, rest.iter().fold(0, |part, byte| part << 8 | u64::from(*byte)));
        usize::from((hash >> 32).to_le_bytes()[0]) % LISTS
    }
}

/// The part of a series' labels that is compared quickly.
type Code = (u8, u16, Option<ErrorType>);

/// How many lists the series are spread over: more than most services have series.
const LISTS: usize = 64;

/// The metrics of all services that one layer stands around.
pub(crate) struct Instruments {
    meter: Meter,
    active: [OnceLock<Gauge>; VERBS.len()],
    series: [OnceLock<Box<Series>>; LISTS],
}

impl Instruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self { meter: meter.clone(), active: Default::default(), series: [const { OnceLock::new() }; LISTS] }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.meter.is_enabled()
    }

    /// Returns the number of requests in flight.
    pub(crate) fn active(&self, verb: Verb) -> &Gauge {
        self.active[usize::from(verb.0)].get_or_init(|| {
            let meter = self.meter.label("http_request_method", verb.as_str());
            meter.gauge("http_server_active_requests", "Requests in flight.")
        })
    }

    /// Records into the series of what was served, which begins if it is the first of its kind.
    pub(crate) fn record(&self, served: &Served<'_>) {
        let mut place = &self.series[served.list()];
        loop {
            match place.get() {
                Some(series) if series.is_of(served) => return series.record(served),
                Some(series) => place = &series.next,
                // Where another thread comes first, its series is looked at next: nobody waits, and a handle too many
                // does no harm.
                None => drop(place.set(Box::new(Series::resolve(&self.meter, served)))),
            }
        }
    }
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments").field("meter", &self.meter).finish_non_exhaustive()
    }
}

/// The handles of one method, route, status and failure, and a link of a list that only grows: reading it takes no lock.
struct Series {
    code: Code,
    route: Box<str>,
    duration: Histogram,
    request_size: Histogram,
    response_size: Histogram,
    next: OnceLock<Box<Self>>,
}

impl Series {
    fn resolve(meter: &Meter, served: &Served<'_>) -> Self {
        let meter = meter.label("http_request_method", served.verb.as_str());
        let meter = meter.label("http_route", served.route);
        let meter = meter.label("http_response_status_code", served.status.to_string());
        let meter = meter.label("error_type", served.error.map_or_else(String::new, |error| error.to_string()));
        Self {
            code: served.code(),
            route: served.route.into(),
            duration: meter.histogram("http_server_request_duration_seconds", "How long requests take."),
            request_size: meter.histogram("http_server_request_body_size_bytes", "Sizes of the requests' bodies."),
            response_size: meter.histogram("http_server_response_body_size_bytes", "Sizes of the responses' bodies."),
            next: OnceLock::new(),
        }
    }

    fn is_of(&self, served: &Served<'_>) -> bool {
        self.code == served.code() && *self.route == *served.route
    }

    #[expect(clippy::cast_precision_loss, reason = "a body of 8 PiB may be one byte off")]
    fn record(&self, served: &Served<'_>) {
        self.duration.record(served.duration.as_secs_f64());
        if let Some(size) = served.request_size {
            self.request_size.record(size as f64);
        }
        if let Some(size) = served.response_size {
            self.response_size.record(size as f64);
        }
    }
}
