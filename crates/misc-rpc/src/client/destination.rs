//! What a URL says.

use std::sync::Arc;

use http::{
    HeaderValue, Uri,
    header::{AUTHORIZATION, HOST},
    uri::{Authority, Scheme},
};
use misc_core::Meter;

use crate::client::{config::ClientConfig, request::Template, trust::Trust, url::Url};

/// The name of what is called in this process.
const LOCAL: &str = "in-process";

/// Where a client calls, and what that makes of its requests, metrics and errors.
pub(super) struct Destination {
    pub(super) target: Arc<str>,
    pub(super) template: Template,
    pub(super) peer: Peer,
}

/// The server, as metrics and spans name it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: String,
    pub(super) port: Option<u16>,
}

impl Destination {
    /// Names a service in this process.
    pub(super) fn local() -> Self {
        let template = Template { uri: Uri::from_static("http://in-process/"), headers: Vec::new() };
        Self { target: LOCAL.into(), template, peer: Peer { address: LOCAL.to_owned(), port: None } }
    }

    /// Reads a URL; the error says everything that is wrong with it.
    pub(super) fn of(config: &ClientConfig, trust: &Trust) -> Result<Self, Vec<String>> {
        let url = &config.url;
        let mut reasons = nonsense(url);
        if !(config.ca.is_none() && trust.is_empty() || url.has_scheme("https")) {
            reasons.push(format!("authorities are set that sign certificates, and `{url}` is not of `https`"));
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let wrong = |why: &dyn std::fmt::Display| vec![format!("`{url}` is no URL: {why}")];
        let (_, user, _) = url.parts();
        let uri: Uri = url.without_user().parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(wrong(&"it has no host"));
        };
        let secure = *scheme == Scheme::HTTPS;
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let peer = Peer { address: authority.host().to_owned(), port: Some(port) };
        let mut headers = Vec::new();
        if !secure && !config.http2 {
            // Else the pool writes one for each request; HTTP/2 has a field of its own.
            headers.push((HOST, host(authority).map_err(|error| wrong(&error))?));
        }
        if let Some(user) = user {
            headers.push((AUTHORIZATION, basic(user).map_err(|error| wrong(&error))?));
        }
        Ok(Self { target: url.target().into(), template: Template { uri, headers }, peer })
    }
}

impl Peer {
    /// Adds it to what is measured.
    pub(super) fn label(&self, meter: &Meter) -> Meter {
        let port = self.port.map(|port| port.to_string()).unwrap_or_default();
        let meter = meter.label("rpc_system_name", "jsonrpc");
        meter.label("server_address", &*self.address).label("server_port", port)
    }
}

/// Says what a URL lacks.
fn nonsense(url: &Url) -> Vec<String> {
    let (scheme, _, rest) = url.parts();
    let mut reasons = Vec::new();
    match scheme.trim_end_matches("://").to_ascii_lowercase().as_str() {
        "http" => {}
        "https" if cfg!(feature = "tls") => {}
        "https" => {
            reasons.push(format!("`{url}` needs TLS, which the feature `tls` of misc-rpc brings, and that is not on"));
        }
        "" => reasons.push(format!("`{url}` has no scheme, such as in `http://{url}`")),
        other => reasons.push(format!("`{url}` has the scheme `{other}`, and only `http` and `https` are known")),
    }
    if rest.is_empty() || rest.starts_with(['/', ':']) {
        reasons.push(format!("`{url}` has no host, such as in `http://users:5000/rpc`"));
    }
    reasons
}

/// Writes what the pool would write for each request.
fn host(authority: &Authority) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    match authority.port_u16() {
        Some(80) => HeaderValue::from_str(authority.host()),
        _ => HeaderValue::from_str(authority.as_str()),
    }
}

/// Writes a user and a password as RFC 7617 has it.
fn basic(user: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain = decode(name);
    plain.push(b':');
    plain.extend(decode(password));
    let mut value = HeaderValue::from_str(&format!("Basic {}", base64(&plain)))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads what is written as `%40` (RFC 3986, 2.1).
fn decode(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut plain = Vec::with_capacity(rest.len());
    while let [byte, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *byte == b'%').and_then(hex);
        plain.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    plain
}

fn hex(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u8::try_from(digit).ok()?)
    })
}

/// Writes bytes in base 64 (RFC 4648, 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits: u32, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() { digit.into() } else { '=' });
        }
    }
    text
}
