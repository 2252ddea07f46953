//! JSON that is written as most is, read without a parser.

use serde::{Deserialize, de::IgnoredAny};

/// Goes over the members of an object. It gives up where a text has an escape, and where something is wrong: what a
/// parser is for.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    /// Begins with the first member.
    pub(crate) fn object(json: &'a str) -> Option<Self> {
        let mut scanner = Self { rest: json };
        scanner.skip(b'{')?;
        Some(scanner)
    }

    /// Reads the name of a member, up to its value.
    pub(crate) fn key(&mut self) -> Option<&'a str> {
        let text = self.text()?;
        self.skip(b':')?;
        text.get(1..text.len() - 1)
    }

    /// Reads a text, with its quotes.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        self.first().filter(|byte| *byte == b'"')?;
        let length = self.rest.bytes().skip(1).position(|byte| ENDS[usize::from(byte)])?;
        let text = self.take(length + 2)?;
        text.ends_with('"').then_some(text)
    }

    /// Reads a whole number.
    pub(crate) fn digits(&mut self) -> Option<&'a str> {
        let is_zero = self.first()? == b'0';
        let length = self.rest.bytes().position(|byte| !byte.is_ascii_digit())?;
        if length == 0 || (is_zero && length > 1) { None } else { self.take(length) }
    }

    /// Reads any value.
    pub(crate) fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter();
        let value = values.next()?.ok()?;
        self.take(values.byte_offset())?;
        Some(value)
    }

    /// Reads any value, as it is written.
    pub(crate) fn raw(&mut self) -> Option<&'a str> {
        match self.first()? {
            b'"' => self.text(),
            b'0'..=b'9' => self.digits(),
            _ => {
                let before = self.rest;
                self.value::<IgnoredAny>()?;
                before.get(..before.len() - self.rest.len())
            }
        }
    }

    /// Passes over what follows a value; tells whether that is another member, or the end.
    pub(crate) fn has_next(&mut self) -> Option<bool> {
        if self.first()? == b',' {
            self.take(1)?;
            return Some(true);
        }
        self.skip(b'}')?;
        self.first().is_none().then_some(false)
    }

    /// Returns the first byte of what is next.
    pub(crate) fn first(&mut self) -> Option<u8> {
        loop {
            match self.rest.as_bytes().first()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.rest = &self.rest[1..],
                byte => return Some(*byte),
            }
        }
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        self.first().filter(|first| *first == byte)?;
        self.take(1).map(drop)
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

/// Whether a byte is the end of a text, or something that a text does not have as it is.
static ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < b' ' as usize {
        ends[byte] = true;
        byte += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Bodies that are requests or answers, nearly so, or not at all.
    pub(crate) fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let scalar = prop_oneof![
            Just(json!("2.0")),
            Just(json!(1)),
            Just(json!(null)),
            Just(json!({"code": 1, "message": "\"}"})),
            Just(json!([{"result": 1}])),
            "[a-z\"\\\\{}:,]{0,8}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("jsonrpc".to_owned()),
            Just("method".to_owned()),
            Just("params".to_owned()),
            Just("id".to_owned()),
            Just("result".to_owned()),
            Just("error".to_owned()),
            "[a-z\"\\\\]{0,4}"
        ];
        let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
        let members = proptest::collection::vec((key, scalar, space), 0..6);
        let written = members.prop_map(|members| {
            let member = |(key, value, space): (String, Value, &str)| {
                format!("{space}{}{space}:{space}{value}{space}", Value::from(key))
            };
            let members: Vec<_> = members.into_iter().map(member).collect();
            format!("{{{}}}", members.join(",")).into_bytes()
        });
        let cut = (written.clone(), 0..80_usize).prop_map(|(body, at)| body[..at.min(body.len())].to_vec());
        prop_oneof![3 => written, 1 => cut, 1 => proptest::collection::vec(any::<u8>(), 0..40)]
    }
}
