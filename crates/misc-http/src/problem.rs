//! Problem details: errors as a client can read them.

use std::{error::Error, fmt, time::Duration};

#[cfg(feature = "axum")]
use axum::response::IntoResponse;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use misc_core::BoxError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

/// Says what went wrong in an answer, as [RFC 9457] has it: `application/problem+json`.
///
/// A handler returns it as its error, and a client reads it with serde. It begins with a status; the rest is for those
/// who want to say more. What failed inside of the server is [`internal`](Self::internal) and none of the client's
/// business.
///
/// # Examples
/// ```
/// use http::StatusCode;
/// use misc_http::Problem;
///
/// fn pay(balance: u32, price: u32) -> Result<(), Problem> {
///     if price > balance {
///         return Err(Problem::new(StatusCode::FORBIDDEN)
///             .kind("https://shop.example/problems/out-of-credit")
///             .title("not enough credit")
///             .detail(format!("it costs {price}"))
///             .with("balance", balance));
///     }
///     // What fails here is logged, and the client gets a 500 that says nothing of it.
///     std::str::from_utf8(b"paid").map_err(Problem::internal)?;
///     Ok(())
/// }
/// # assert!(pay(50, 30).is_ok());
///
/// let problem = pay(30, 50).expect_err("it is too little");
/// assert_eq!(
///     serde_json::to_string(&problem)?,
///     r#"{"type":"https://shop.example/problems/out-of-credit","title":"not enough credit","status":403,"detail":"it costs 50","balance":30}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
#[derive(Clone, PartialEq)]
pub struct Problem(Box<Parts>);

#[derive(Clone, PartialEq)]
struct Parts {
    status: StatusCode,
    /// All members but the status; the standard ones are texts.
    members: Map<String, Value>,
    retry_after: Option<Duration>,
}

const TYPE: &str = "type";
const TITLE: &str = "title";
const STATUS: &str = "status";
const DETAIL: &str = "detail";
const INSTANCE: &str = "instance";
const STANDARD: [&str; 5] = [TYPE, TITLE, STATUS, DETAIL, INSTANCE];

impl Problem {
    /// Begins with a status, whose usual phrase is the title.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        let problem = Self(Box::new(Parts { status, members: Map::new(), retry_after: None }));
        match status.canonical_reason() {
            Some(reason) => problem.title(reason),
            None => problem,
        }
    }

    /// Makes a 500 of an error that is none of the client's business: it is logged here, with its causes.
    ///
    /// Made for `map_err(Problem::internal)?`.
    #[must_use]
    pub fn internal(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        tracing::error!(error = %Chain(&*error), "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Makes a 503 of an error that may be over soon, such as a call to another service that has failed: it is logged here, as a
    /// warning, with its causes, and the client is told nothing of it.
    ///
    /// Say when to ask again with [`retry_after`](Self::retry_after).
    #[must_use]
    pub fn unavailable(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        tracing::warn!(error = %Chain(&*error), "a request cannot be served now");
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// Sets the title: the same words for all problems of a kind.
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> Self {
        self.set(TITLE, title.into())
    }

    /// Sets the detail: what is special to this one, to be read by people.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        self.set(DETAIL, detail.into())
    }

    /// Sets the kind, the member `type`: a URI that programs tell problems apart by (`about:blank`, the status says it).
    #[must_use]
    pub fn kind(self, uri: impl Into<String>) -> Self {
        self.set(TYPE, uri.into())
    }

    /// Sets the instance: a URI of this very occurrence.
    #[must_use]
    pub fn instance(self, uri: impl Into<String>) -> Self {
        self.set(INSTANCE, uri.into())
    }

    /// Adds a member of one's own, for programs to read.
    ///
    /// The names of the standard members (`type`, `title`, `status`, `detail`, `instance`) are refused, and so is a value
    /// that cannot be JSON, such as a map whose keys are no texts: the member is left out, and an error is logged, since
    /// an answer that says less is better than none.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let name = name.into();
        if STANDARD.contains(&&*name) {
            tracing::error!(member = name, "a problem goes without a member: its name has a meaning of its own");
            return self;
        }
        match serde_json::to_value(value) {
            Ok(value) => drop(self.0.members.insert(name, value)),
            Err(error) => tracing::error!(member = name, %error, "a problem goes without a member"),
        }
        self
    }

    /// Says when to ask again, in `Retry-After` ([RFC 9110, 10.2.3]): in whole seconds, rounded up.
    ///
    /// It is a header, and no member, so whoever reads the problem finds it beside that.
    ///
    /// [RFC 9110, 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.0.retry_after = Some(time);
        self
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns a member other than the status, such as `type`, `detail`, or one of the server's own.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.members.get(name)
    }

    fn set(mut self, name: &str, text: String) -> Self {
        self.0.members.insert(name.to_owned(), text.into());
        self
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.member(name)?.as_str()
    }
}

impl From<StatusCode> for Problem {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

/// Makes a response of any body that a text can be made into.
impl<B: From<String>> From<Problem> for Response<B> {
    fn from(problem: Problem) -> Self {
        // Cannot fail: the keys of a map are texts.
        let text = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = Self::new(text.into());
        *response.status_mut() = problem.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(time) = problem.0.retry_after {
            let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        self.into()
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in STANDARD {
            if name == STATUS {
                map.serialize_entry(STATUS, &self.status().as_u16())?;
            } else if let Some(member) = self.member(name) {
                map.serialize_entry(name, member)?;
            }
        }
        for (name, member) in self.0.members.iter().filter(|(name, _)| !STANDARD.contains(&&***name)) {
            map.serialize_entry(name, member)?;
        }
        map.end()
    }
}

/// Reads what a server says. As RFC 9457 has it, a standard member of a wrong type is as if it was not there (section
/// 3.1); without a valid `status` it is 500, and the status of the response itself is the one to go by.
impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(deserializer)?;
        let status = members.remove(STATUS).and_then(|status| u16::try_from(status.as_u64()?).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        members.retain(|name, member| member.is_string() || !STANDARD.contains(&&**name));
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Ok(Self(Box::new(Parts { status, members, retry_after: None })))
    }
}

/// Writes the status, the title and the detail.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status().as_u16())?;
        let texts = [self.text(TITLE), self.text(DETAIL)];
        let mut separator = " ";
        for text in texts.into_iter().flatten() {
            write!(f, "{separator}{text}")?;
            separator = ": ";
        }
        Ok(())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { status, members, retry_after } = &*self.0;
        let mut debug = f.debug_struct("Problem");
        debug.field("status", status).field("members", members).field("retry_after", retry_after).finish()
    }
}

impl Error for Problem {}

/// An error and what has caused it, on one line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
