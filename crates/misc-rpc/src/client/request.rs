//! Requests, and what they have in common.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use misc_core::BoxError;
use serde::Serialize;

use crate::payload::Payload;

static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How many headers a request has, mostly: those here, the trace with its state, the deadline, and the length that the
/// connection adds. One more takes twice the memory, from where that is slow to get.
const HEADERS: usize = 6;
/// What most parameters fit in.
const PARAMS: usize = 128;

/// What all requests of a client have in common.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) uri: Uri,
    /// Those that are not the same for all clients.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Template {
    /// Makes a request. It has no `Accept`: an answer is JSON, or none.
    pub(super) fn request(&self, body: Vec<u8>, extensions: Option<Extensions>) -> Request<Payload> {
        let mut request = Request::new(Payload::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        if let Some(extensions) = extensions {
            *request.extensions_mut() = extensions;
        }
        let headers = request.headers_mut();
        *headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CONTENT_TYPE, JSON.clone());
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        request
    }
}

/// The first bytes of all calls of a method: `{"jsonrpc":"2.0","method":"seen"`.
#[derive(Debug)]
pub(super) struct Opening(Box<[u8]>);

impl Opening {
    pub(super) fn new(method: &str) -> Self {
        let name = serde_json::Value::from(method);
        Self(format!(r#"{{"jsonrpc":"2.0","method":{name}"#).into_bytes().into())
    }

    /// Writes a call, or a notification if it has no id.
    pub(super) fn body(&self, id: Option<u64>, params: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, BoxError> {
        let mut body = Vec::with_capacity(self.0.len() + PARAMS);
        body.extend_from_slice(&self.0);
        if let Some(id) = id {
            body.extend_from_slice(br#","id":"#);
            body.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
        }
        let end = body.len();
        body.extend_from_slice(br#","params":"#);
        let start = body.len();
        serde_json::to_writer(&mut body, params)?;
        match &body[start..] {
            [b'{' | b'[', ..] => {}
            // There are none.
            b"null" => body.truncate(end),
            other => return Err(NotStructured::new(other).into()),
        }
        body.push(b'}');
        Ok(body)
    }
}

/// Parameters are neither by name nor by position.
#[derive(Debug, thiserror::Error)]
#[error("parameters are a struct or a tuple, and these are written as `{}`", text.escape_debug())]
struct NotStructured {
    text: String,
}

impl NotStructured {
    fn new(json: &[u8]) -> Self {
        let text = String::from_utf8_lossy(json);
        Self { text: text.chars().take(40).collect() }
    }
}
