//! What a server answers.

use std::{any::TypeId, borrow::Cow, fmt, marker::PhantomData, str::Utf8Error, time::Duration};

use http::{
    Response, StatusCode,
    header::{LOCATION, RETRY_AFTER},
};
use misc_core::{BoxError, Verdict};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    client::gather::Oversized,
    code,
    error::{Failure, Kind, Remote, Unlike},
    fault::{Fault, Never},
    payload::Payload,
    scan::Scanner,
};

/// How many bytes of an answer that cannot be read are quoted.
const QUOTED: usize = 200;
/// In how many bytes of an answer its result begins, mostly.
const BEGINNING: usize = 64;

/// Reads the answer of a call.
pub(super) fn read<T: DeserializeOwned, E: Fault>(id: u64, response: &Response<Payload>) -> Result<T, Kind<E>> {
    if response.status().is_success()
        && let Some(result) = scan(id, response.body().as_bytes())
    {
        return Ok(result);
    }
    let answer: Answer<'_, T> = parse(response)?;
    if !answer.is_version_2 {
        return Err(BadAnswer::foreign(response, "it does not say `\"jsonrpc\": \"2.0\"`".into()).into());
    }
    let bad = |why: &str| Err(BadAnswer::new(response, why.into()).into());
    // An error may be about a request that could not be read, and then it has no id.
    if answer.id.is_none_or(|answered| answered.get().parse() != Ok(id))
        && (answer.id.is_some() || answer.error.is_none())
    {
        return bad("it is the answer to another call: its id is not that of this one");
    }
    match (answer.result, answer.error) {
        (Some(_), Some(_)) => bad("it has both a result and an error"),
        (None, Some(error)) => Err(error.read()),
        (None, None) if !answer.has_result => bad("it has neither a result nor an error"),
        (_, None) if !response.status().is_success() => bad("it has a result, and its status says otherwise"),
        (Some(result), None) => Ok(result),
        (None, None) => serde_json::from_str("null").map_err(|error| BadAnswer::new(response, error.into()).into()),
    }
}

/// Reads an answer with a result that is written as most are. A parser reads the others, and finds the same.
fn scan<T: DeserializeOwned>(id: u64, answer: &[u8]) -> Option<T> {
    let (mut is_version_2, mut is_ours, mut result) = (false, false, None);
    let mut json = Scanner::object(str::from_utf8(answer).ok()?)?;
    loop {
        match json.key()? {
            "jsonrpc" if !is_version_2 => is_version_2 = json.text()? == r#""2.0""#,
            "id" if !is_ours => is_ours = json.digits()? == itoa::Buffer::new().format(id),
            "result" if result.is_none() => result = Some(json.value()?),
            _ => return None,
        }
        if !json.has_next()? {
            return result.filter(|_| is_version_2 && is_ours);
        }
    }
}

/// Reads the answer of a notification, which is none unless something is wrong.
pub(super) fn read_none(response: &Response<Payload>) -> Result<(), Kind<Never>> {
    check_size(response)?;
    if response.status().is_success() && response.body().as_bytes().is_empty() {
        return Ok(());
    }
    match parse::<IgnoredAny>(response) {
        Ok(Answer { is_version_2: true, error: Some(error), .. }) => Err(error.read()),
        _ if response.status().is_success() => Ok(()),
        Ok(_) => Err(BadAnswer::foreign(response, "a status as this is none of JSON-RPC".into()).into()),
        Err(failure) => Err(Kind::Failure(failure)),
    }
}

fn parse<'a, T: DeserializeOwned>(response: &'a Response<Payload>) -> Result<Answer<'a, T>, Failure> {
    check_size(response)?;
    serde_json::from_slice(response.body().as_bytes())
        .map_err(|error| Failure::Answer(BadAnswer::foreign(response, error.into())))
}

/// Refuses the empty answer in the place of one that was larger than allowed.
fn check_size(response: &Response<Payload>) -> Result<(), Failure> {
    let Some(Oversized(limit)) = response.extensions().get() else { return Ok(()) };
    let why = format!("it has more than the {limit} bytes that an answer may have");
    Err(Failure::Answer(BadAnswer::new(response, why.into())))
}

impl<E> From<BadAnswer> for Kind<E> {
    fn from(answer: BadAnswer) -> Self {
        Self::Failure(Failure::Answer(answer))
    }
}

/// An answer. Some servers have a result of `null` beside an error, or an error of `null` beside a result.
struct Answer<'a, T> {
    is_version_2: bool,
    id: Option<&'a RawValue>,
    has_result: bool,
    /// `None` if it is `null`, too.
    result: Option<T>,
    error: Option<ErrorObject<'a>>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Jsonrpc,
    Id,
    Result,
    Error,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Answer<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnswerVisitor(PhantomData))
    }
}

struct AnswerVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for AnswerVisitor<'a, T> {
    type Value = Answer<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of JSON-RPC")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut answer = Answer { is_version_2: false, id: None, has_result: false, result: None, error: None };
        while let Some(key) = map.next_key()? {
            match key {
                Key::Jsonrpc => answer.is_version_2 = map.next_value::<Cow<'de, str>>()? == "2.0",
                Key::Id => answer.id = map.next_value()?,
                Key::Result => (answer.has_result, answer.result) = (true, map.next_value()?),
                Key::Error => answer.error = map.next_value()?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(answer)
    }
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    code: i32,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl ErrorObject<'_> {
    /// Reads it as the error that the procedure declares, if it can be.
    fn read<E: Fault>(self) -> Kind<E> {
        let declares_none = TypeId::of::<E>() == TypeId::of::<Never>();
        let unlike = if declares_none || code::RESERVED.contains(&self.code) {
            None
        } else {
            match serde_json::from_str(self.data.map_or("null", RawValue::get)) {
                Ok(fault) => return Kind::Fault(fault, self.code),
                Err(error) => Some(Unlike(error)),
            }
        };
        let (message, data) = (self.message.into_owned(), self.data.map(ToOwned::to_owned));
        Kind::Failure(Failure::Remote(Remote { code: self.code, message, data, unlike }))
    }
}

/// An answer that is not what it should be: its status, its first bytes, and what is wrong with it if not the status.
#[derive(Debug)]
pub(crate) struct BadAnswer {
    status: StatusCode,
    location: Option<String>,
    size: usize,
    quoted: String,
    why: Option<BoxError>,
}

impl BadAnswer {
    fn new(response: &Response<Payload>, why: BoxError) -> Self {
        let bytes = response.body().as_bytes();
        let quoted = String::from_utf8_lossy(&bytes[..bytes.len().min(QUOTED)]);
        let location = response.headers().get(LOCATION);
        Self {
            status: response.status(),
            location: location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned()),
            size: bytes.len(),
            quoted: quoted.into_owned(),
            why: Some(why),
        }
    }

    /// Describes an answer that is none of JSON-RPC. Where the call has failed by its status that is why, and not how the
    /// body of a proxy is written.
    fn foreign(response: &Response<Payload>, why: BoxError) -> Self {
        let answer = Self::new(response, why);
        if answer.status.is_success() { answer } else { Self { why: None, ..answer } }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Tells whether it is its status that says that the call has failed.
    pub(crate) fn is_by_status(&self) -> bool {
        self.why.is_none()
    }

    /// Tells whether something on the way says that there are too many calls.
    pub(crate) fn is_busy(&self) -> bool {
        is_busy(self.status)
    }
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        if let Some(location) = &self.location {
            write!(f, " to `{}`", location.escape_debug())?;
        }
        match self.size {
            0 => f.write_str(" without a body"),
            size if size <= QUOTED => write!(f, " with the body `{}`", self.quoted.escape_debug()),
            size => write!(f, " with a body of {size} bytes that begins `{}`", self.quoted.escape_debug()),
        }
    }
}

impl std::error::Error for BadAnswer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.why.as_deref().map(|why| why as _)
    }
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// Returns when the server wants to be asked again, if it says so in seconds.
pub(super) fn retry_after(response: &Response<Payload>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Codes of declared errors that say that the server has failed: an extension of a request, where there are any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Failures(pub(super) &'static [i32]);

/// Adds what an answer of JSON-RPC says about the server.
pub(super) fn judge(mut response: Response<Payload>, failures: Failures) -> Response<Payload> {
    if let Some(verdict) = verdict(&response, failures) {
        response.extensions_mut().insert(verdict);
    }
    response
}

/// `None` where the status says it all.
fn verdict(response: &Response<Payload>, failures: Failures) -> Option<Verdict> {
    if response.extensions().get::<Oversized>().is_some() {
        return Some(Verdict::Ignored);
    }
    let bytes = response.body().as_bytes();
    let is_success = response.status().is_success();
    if is_success && (bytes.is_empty() || begins_with_result(bytes)) {
        return None;
    }
    match serde_json::from_slice::<Answer<'_, IgnoredAny>>(bytes) {
        Ok(Answer { is_version_2: true, error: Some(error), .. }) => of_code(error.code, failures, response),
        Ok(Answer { is_version_2: true, has_result: true, .. }) => None,
        _ => is_success.then_some(Verdict::Failure),
    }
}

fn of_code(code: i32, failures: Failures, response: &Response<Payload>) -> Option<Verdict> {
    Some(match code {
        code::INTERNAL_ERROR => Verdict::Failure,
        code::BUSY => return of_busy(response),
        code::DEADLINE_EXCEEDED => Verdict::Transient(None),
        _ if failures.0.contains(&code) => Verdict::Failure,
        _ => Verdict::Success,
    })
}

/// `None` where the status says the same, beside a `Retry-After` such as a date: whoever looks at the status may read that.
fn of_busy(response: &Response<Payload>) -> Option<Verdict> {
    let after = retry_after(response);
    let is_said_otherwise = after.is_none() && response.headers().contains_key(RETRY_AFTER);
    if is_said_otherwise && is_busy(response.status()) { None } else { Some(Verdict::Transient(after)) }
}

/// Tells whether this is an answer with a result, if that is soon to see.
fn begins_with_result(answer: &[u8]) -> bool {
    let seen = || {
        let beginning = &answer[..answer.len().min(BEGINNING)];
        // A letter may have been cut.
        let cut = |error: Utf8Error| str::from_utf8(&beginning[..error.valid_up_to()]);
        let mut json = Scanner::object(str::from_utf8(beginning).or_else(cut).ok()?)?;
        let mut is_version_2 = false;
        loop {
            match json.key()? {
                "result" => break,
                "jsonrpc" => is_version_2 = json.raw()? == r#""2.0""#,
                _ => drop(json.raw()?),
            }
            json.has_next()?;
        }
        // Some servers have a result of `null` beside an error.
        json.first().filter(|byte| is_version_2 && *byte != b'n')
    };
    answer.trim_ascii_end().ends_with(b"}") && seen().is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::scan::tests::bodies;

    proptest! {
        #[test]
        fn what_is_soon_seen_is_what_is_read(body in bodies()) {
            let seen = begins_with_result(&body);
            let all: Result<Answer<'_, IgnoredAny>, _> = serde_json::from_slice(&body);
            if let (true, Ok(answer)) = (seen, all) {
                // What is said twice is seen as it is said first.
                let is_said_twice = body.windows(7).filter(|bytes| *bytes == b"jsonrpc").count() > 1;
                prop_assert!(answer.has_result && (answer.is_version_2 || is_said_twice));
            }
        }

        #[test]
        fn what_is_scanned_is_what_is_parsed(body in bodies()) {
            if let Some(result) = scan::<Value>(1, &body) {
                let answer: Answer<'_, Value> = serde_json::from_slice(&body).expect("an answer");
                prop_assert!(answer.is_version_2 && answer.has_result && answer.error.is_none());
                prop_assert_eq!(answer.id.map(RawValue::get), Some("1"));
                prop_assert_eq!(answer.result.unwrap_or_default(), result);
            }
        }

        #[test]
        fn any_body_is_an_answer_or_an_error(body in bodies(), status in 100..600_u16) {
            let mut response = Response::new(Payload::from(body));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            let response = judge(response, Failures::default());
            let read: Result<Value, Kind<Never>> = read(1, &response);
            if let Err(Kind::Failure(Failure::Answer(answer))) = &read {
                prop_assert!(answer.to_string().len() < QUOTED * 6 + 100);
            }
            drop(read_none(&response));
        }
    }
}
