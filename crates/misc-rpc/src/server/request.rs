//! What the bytes of a request say.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::scan::Scanner;

/// A body that is JSON.
#[derive(Debug)]
pub(crate) enum Message {
    Single(Parts),
    /// Where each request is.
    Batch(Vec<Range<usize>>),
    /// A batch of more requests than there may be.
    TooMany,
    /// A batch of none, or something else.
    NoRequest,
}

impl Message {
    /// Reads a body; an error if it is no JSON.
    pub(crate) fn read(body: &str, most: usize) -> serde_json::Result<Self> {
        if let Some(envelope) = Envelope::scan(body) {
            return Ok(Self::Single(Parts::of(&envelope, body)));
        }
        let mut json = serde_json::Deserializer::from_str(body);
        let message = match first(body) {
            Some(b'{') => Self::Single(Parts::of(&Envelope::deserialize(&mut json)?, body)),
            Some(b'[') => json.deserialize_seq(BatchVisitor { body, most })?,
            _ => IgnoredAny::deserialize(&mut json).map(|_| Self::NoRequest)?,
        };
        json.end()?;
        Ok(message)
    }
}

/// Where the parts of a request are in a body, as far as they are what they should be.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// `None` if it is no valid request.
    pub(crate) method: Option<Range<usize>>,
    pub(crate) params: Option<Range<usize>>,
    pub(crate) id: Option<Range<usize>>,
}

impl Parts {
    /// Reads one request of a batch, which is JSON.
    pub(crate) fn read(request: &str) -> Self {
        let envelope = serde_json::from_str(request).unwrap_or_default();
        Self::of(&envelope, request)
    }

    fn of(envelope: &Envelope<'_>, request: &str) -> Self {
        let place = |text: &str| place(request, text);
        let is_valid = envelope.is_valid();
        Self {
            method: envelope.method.filter(|_| is_valid).map(place),
            params: envelope.params.filter(|params| is_valid && *params != "null").map(place),
            id: envelope.id.filter(|id| is_id(id)).map(place),
        }
    }
}

/// The members of a request, as they are written; one that is there twice is empty, since nobody knows what is meant.
#[derive(Debug, Default, PartialEq)]
struct Envelope<'a> {
    jsonrpc: Option<&'a str>,
    method: Option<&'a str>,
    params: Option<&'a str>,
    id: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Reads a request that is written as most are. A parser reads the others, and finds the same.
    fn scan(request: &'a str) -> Option<Self> {
        let mut envelope = Self::default();
        let mut json = Scanner::object(request)?;
        loop {
            let slot = match json.key()? {
                "jsonrpc" => &mut envelope.jsonrpc,
                "method" => &mut envelope.method,
                "params" => &mut envelope.params,
                "id" => &mut envelope.id,
                _ => return None,
            };
            if slot.replace(json.raw()?).is_some() {
                return None;
            }
            if !json.has_next()? {
                return Some(envelope);
            }
        }
    }

    fn is_valid(&self) -> bool {
        let is_2_0 = |version: &str| string(version).is_some_and(|version| version == "2.0");
        let is_structured = |params: &str| matches!(first(params), Some(b'{' | b'[')) || params == "null";
        self.jsonrpc.is_some_and(is_2_0)
            && self.method.is_some_and(|method| method.starts_with('"'))
            && self.params.is_none_or(is_structured)
            && self.id.is_none_or(is_id)
    }
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(member) = members.next_key()? {
            let value = members.next_value::<&RawValue>()?.get();
            let slot = match member {
                Member::JsonRpc => &mut envelope.jsonrpc,
                Member::Method => &mut envelope.method,
                Member::Params => &mut envelope.params,
                Member::Id => &mut envelope.id,
                Member::Other => continue,
            };
            *slot = Some(if slot.is_none() { value } else { "" });
        }
        Ok(envelope)
    }
}

/// The name of a member.
enum Member {
    JsonRpc,
    Method,
    Params,
    Id,
    Other,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(MemberVisitor)
    }
}

struct MemberVisitor;

impl Visitor<'_> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Member, E> {
        Ok(match name {
            "jsonrpc" => Member::JsonRpc,
            "method" => Member::Method,
            "params" => Member::Params,
            "id" => Member::Id,
            _ => Member::Other,
        })
    }
}

struct BatchVisitor<'a> {
    body: &'a str,
    most: usize,
}

impl<'de> Visitor<'de> for BatchVisitor<'de> {
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut requests: A) -> Result<Message, A::Error> {
        let mut places = Vec::new();
        while let Some(request) = requests.next_element::<&RawValue>()? {
            if places.len() == self.most {
                while requests.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Message::TooMany);
            }
            places.push(place(self.body, request.get()));
        }
        Ok(if places.is_empty() { Message::NoRequest } else { Message::Batch(places) })
    }
}

/// Reads a string; borrows it if it has no escapes.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// Whether this may name a request: a string, a number or null, which a caller can read when it comes back.
fn is_id(json: &str) -> bool {
    match json.as_bytes() {
        [b'"', ..] => string(json).is_some(),
        [b'0'..=b'9', ..] if json.len() < 16 && json.bytes().all(|byte| byte.is_ascii_digit()) => true,
        [b'-' | b'0'..=b'9', ..] => json.parse().is_ok_and(f64::is_finite),
        json => json == b"null",
    }
}

/// Returns where a text is that is a part of another.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// Returns the first byte that is no white space.
fn first(json: &str) -> Option<u8> {
    json.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scan::tests::bodies;

    proptest! {
        #[test]
        fn what_is_scanned_is_what_is_parsed(body in bodies()) {
            if let Ok(body) = str::from_utf8(&body)
                && let Some(envelope) = Envelope::scan(body)
            {
                prop_assert_eq!(serde_json::from_str(body).ok(), Some(envelope));
            }
        }
    }

    #[test]
    fn what_most_send_is_scanned() {
        let body = r#"{"jsonrpc":"2.0", "method":"get_user","id":7,"params":{"id":7,"name":"\u0041"}}"#;
        assert!(Envelope::scan(body).is_some());
        for other in
            [r#"{"jsonrpc":"2.0","method":"get\n"}"#, r#"{"method":"get","method":"get"}"#, "{}", r#"{"id":07}"#]
        {
            assert_eq!(Envelope::scan(other), None, "{other}");
        }
    }
}
