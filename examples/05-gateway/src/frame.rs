//! What devices say: a line is a frame, and a frame has readings.

/// How long a frame may be, in bytes.
pub(crate) const MAX_LENGTH: usize = 1024;
/// How long the name of a device, or of a kind of reading, may be.
const MAX_NAME: usize = 64;

/// What a device says at once: `device kind=value ..`.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame<'a> {
    pub(crate) device: &'a str,
    pub(crate) values: Vec<(&'a str, f64)>,
}

/// One value, on its way to the broker.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) device: Box<str>,
    pub(crate) kind: Box<str>,
    pub(crate) value: f64,
}

/// Why a frame is refused, all of it: a device is told this, so that whoever builds one sees what to mend.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("nothing is measured: send `device kind=value ..`")]
    Nothing,
    #[error("`{0}` is not a reading: write `kind=value`")]
    NoReading(String),
    #[error("`{0}` is not a name: use 1 to {MAX_NAME} letters, digits, `-` and `_`")]
    Name(String),
    #[error("`{0}` is not a finite number")]
    Number(String),
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(line: &'a str) -> Result<Self, Malformed> {
        let mut words = line.split_ascii_whitespace();
        let device = name(words.next().ok_or(Malformed::Nothing)?)?;
        let values = words.map(reading).collect::<Result<Vec<_>, _>>()?;
        if values.is_empty() {
            return Err(Malformed::Nothing);
        }
        Ok(Self { device, values })
    }

    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading> {
        let of = |&(kind, value): &(&str, f64)| Reading { device: self.device.into(), kind: kind.into(), value };
        self.values.iter().map(of)
    }
}

fn reading(word: &str) -> Result<(&str, f64), Malformed> {
    let (kind, number) = word.split_once('=').ok_or_else(|| Malformed::NoReading(word.to_owned()))?;
    let value = number.parse().ok().filter(|value: &f64| value.is_finite());
    Ok((name(kind)?, value.ok_or_else(|| Malformed::Number(number.to_owned()))?))
}

/// Accepts what is a name: it becomes the value of a label and a level of a topic, where `/`, `+` and `#` mean something.
pub(crate) fn name(text: &str) -> Result<&str, Malformed> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_name = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_allowed);
    is_name.then_some(text).ok_or_else(|| Malformed::Name(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_device_says_is_what_is_understood(
            device in "[A-Za-z0-9_-]{1,64}",
            values in prop::collection::vec(("[A-Za-z0-9_-]{1,64}", prop::num::f64::NORMAL | prop::num::f64::ZERO), 1..5),
        ) {
            let words: Vec<_> = values.iter().map(|(kind, value)| format!("{kind}={value}")).collect();
            let line = format!("{device} {}", words.join(" "));
            let values = values.iter().map(|(kind, value)| (&**kind, *value)).collect();
            prop_assert_eq!(Frame::parse(&line), Ok(Frame { device: &device, values }));
        }

        #[test]
        fn whatever_is_accepted_has_names_and_finite_values(line in "[a-z/+=0-9. -]{0,40}|.{0,40}") {
            if let Ok(frame) = Frame::parse(&line) {
                prop_assert!(name(frame.device).is_ok() && !frame.values.is_empty());
                prop_assert!(frame.values.iter().all(|(kind, value)| name(kind).is_ok() && value.is_finite()));
            }
        }
    }
}
