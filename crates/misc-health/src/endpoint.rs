//! The HTTP side: paths, methods and answers.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};

use crate::{
    document::Document,
    health::Health,
    report::Report,
    setup::{ALL, LIVENESS, READINESS, STARTUP},
};

const HEALTH_JSON: HeaderValue = HeaderValue::from_static("application/health+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers probes over HTTP; a tower service for any server.
///
/// | path | asks about |
/// | --- | --- |
/// | `/livez` | [`LIVENESS`] |
/// | `/readyz` | [`READINESS`] |
/// | `/startupz` | [`STARTUP`] |
/// | `/health` | [`ALL`] |
/// | `/health/<group>` | any of these, or a group of one's own |
///
/// The answer is 200 while the group is healthy, warnings included, and 503 while it is not, with a body as
/// `draft-inadarei-api-health-check-06` has it, or lines like those of the Kubernetes API server for `?verbose`:
///
/// ```text
/// [+]app ok
/// [-]db failed: reason withheld
/// readyz check failed
/// ```
///
/// Only GET and HEAD are answered (405 otherwise), other paths are 404, and nothing is to be stored by caches. Errors
/// may name hosts and users, so their text is withheld unless [`details`](Self::details) asks for it; the log has it.
///
/// # Examples
/// ```
/// use http::{Request, StatusCode};
/// use misc_health::Health;
/// use tower_service::Service;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut endpoint = Health::new().endpoint();
/// let response = endpoint.call(Request::get("/livez").body(())?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "an endpoint does nothing until a server has it"]
pub struct Endpoint {
    health: Health,
    failure: StatusCode,
    words: Option<Words>,
    details: Details,
}

/// What replaces `pass` and `fail`.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) pass: Arc<str>,
    pub(crate) fail: Arc<str>,
}

/// How much an answer tells of what is behind its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Details {
    /// Nothing: the status alone.
    Nothing,
    /// The name and the status of each check, when it was made and how long that took; not why it fails.
    #[default]
    Checks,
    /// The texts of errors, too, and which service is missed. For a port that only operators reach.
    Errors,
}

impl Endpoint {
    pub(crate) fn new(health: Health) -> Self {
        Self { health, failure: StatusCode::SERVICE_UNAVAILABLE, words: None, details: Details::default() }
    }

    /// Sets the status code of a failure (503).
    pub fn failure_status(mut self, status: StatusCode) -> Self {
        self.failure = status;
        self
    }

    /// Sets what answers say instead of `pass` (and `warn`) and `fail`, and makes them plain `application/json`.
    ///
    /// For those who expect other words, such as `{"status":"ok"}`.
    pub fn words(mut self, pass: impl Into<Arc<str>>, fail: impl Into<Arc<str>>) -> Self {
        self.words = Some(Words { pass: pass.into(), fail: fail.into() });
        self
    }

    /// Sets how much answers tell ([`Details::Checks`]).
    pub fn details(mut self, details: Details) -> Self {
        self.details = details;
        self
    }

    async fn answer(self, question: Question) -> Result<Response<String>, Refusal> {
        let Question { group, path, is_verbose } = question;
        let report = self.health.report(&group).await.ok_or(Refusal::Group)?;
        let status = if report.is_healthy() { StatusCode::OK } else { self.failure };
        let (kind, body) = self.render(&report, &path, is_verbose);
        Ok(response(status, kind, body))
    }

    fn render(&self, report: &Report, path: &str, is_verbose: bool) -> (HeaderValue, String) {
        let document = Document { report, words: self.words.as_ref(), details: self.details };
        match &self.words {
            _ if is_verbose => (TEXT, document.to_lines(path)),
            Some(_) => (JSON, document.to_json()),
            None => (HEALTH_JSON, document.to_json()),
        }
    }
}

/// What is asked.
struct Question {
    group: String,
    /// The last part of the path.
    path: String,
    is_verbose: bool,
}

impl Question {
    fn of<B>(request: &Request<B>) -> Result<Self, Refusal> {
        let group = group_of(request.uri()).ok_or(Refusal::Path)?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        let path = request.uri().path().rsplit('/').next().unwrap_or_default();
        let mut options = request.uri().query().unwrap_or_default().split('&');
        let is_verbose = options.any(|option| option == "verbose" || option.starts_with("verbose="));
        Ok(Self { group: group.to_owned(), path: path.to_owned(), is_verbose })
    }
}

/// Why a request is not answered.
enum Refusal {
    Path,
    Group,
    Method,
}

impl Refusal {
    fn response(self) -> Response<String> {
        let no_such = |what: &str| response(StatusCode::NOT_FOUND, TEXT, what.to_owned());
        match self {
            Self::Path => no_such("there are /livez, /readyz, /startupz, /health and /health/<group>\n"),
            Self::Group => no_such("there is no such group of health checks\n"),
            Self::Method => {
                let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET or HEAD\n".to_owned());
                refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                refused
            }
        }
    }
}

fn group_of(uri: &Uri) -> Option<&str> {
    match uri.path() {
        "/livez" => Some(LIVENESS),
        "/readyz" => Some(READINESS),
        "/startupz" => Some(STARTUP),
        "/health" => Some(ALL),
        path => path.strip_prefix("/health/"),
    }
}

fn response(status: StatusCode, kind: HeaderValue, body: String) -> Response<String> {
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl<B> tower_service::Service<Request<B>> for Endpoint {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // What is asked is read first, since a body need not be `Send`.
        let question = Question::of(&request);
        let is_head = request.method() == Method::HEAD;
        let endpoint = self.clone();
        Box::pin(async move {
            let answer = match question {
                Ok(question) => endpoint.answer(question).await,
                Err(refusal) => Err(refusal),
            };
            let mut response = answer.unwrap_or_else(Refusal::response);
            if is_head {
                // Its length is still that of what a GET gets (RFC 9110, section 9.3.2).
                response.body_mut().clear();
            }
            Ok(response)
        })
    }
}
