//! Single values, made of the kind that their key wants.

use std::time::Duration;

use bytesize::Unit;
use misc_core::schema::Kind;

use super::{DURATION, SIZE, TEXT, is_digits};
use crate::{
    keys::bare,
    text::{self, is_padded},
    tree::ValueKind,
};

/// Makes a value of the kind that a key wants; says what was expected where it is not.
pub(super) fn scalar(value: &ValueKind, kind: &Kind) -> Result<Option<ValueKind>, String> {
    match *kind {
        Kind::Bool => bool_from(value),
        Kind::Integer { min, max } => integer_from(value, min, max),
        Kind::Float => float_from(value),
        Kind::Duration => duration_from(value),
        Kind::Bytes(number) => size_from(value, number),
        _ if matches!(value, ValueKind::String(_)) => Ok(None),
        _ => Err(TEXT.to_owned()),
    }
}

fn bool_from(value: &ValueKind) -> Result<Option<ValueKind>, String> {
    let made = match value {
        ValueKind::Boolean(_) => return Ok(None),
        ValueKind::I64(number @ (0 | 1)) => Some(*number == 1),
        ValueKind::String(text) => text::bool_of(text),
        _ => None,
    };
    made.map(|bool| Some(ValueKind::Boolean(bool))).ok_or_else(|| "true or false".to_owned())
}

fn integer_from(value: &ValueKind, min: i128, max: i128) -> Result<Option<ValueKind>, String> {
    let (number, text) = match value {
        ValueKind::I64(number) => (Some(i128::from(*number)), false),
        ValueKind::U64(number) => (Some(i128::from(*number)), false),
        ValueKind::I128(number) => (Some(*number), false),
        ValueKind::U128(number) => (i128::try_from(*number).ok(), false),
        ValueKind::String(text) => (text::integer_of(text), true),
        _ => (None, false),
    };
    let fitting = number.filter(|number| (min..=max).contains(number));
    let expected = || match number {
        Some(_) => format!("an integer from {min} to {max}"),
        None => expected_integer(min, max),
    };
    fitting.map(|number| text.then(|| integer(number))).ok_or_else(expected)
}

fn integer(number: i128) -> ValueKind {
    i64::try_from(number)
        .map_or_else(|_| u64::try_from(number).map_or(ValueKind::I128(number), ValueKind::U64), ValueKind::I64)
}

/// Says which integers are expected; the ends of 64 bits go without saying.
pub(crate) fn expected_integer(min: i128, max: i128) -> String {
    match (min, max) {
        (i128::MIN, i128::MAX) => "an integer".to_owned(),
        (min, max) if max >= i128::from(i64::MAX) && min <= i128::from(i64::MIN) => "an integer".to_owned(),
        (min, max) if max >= i128::from(i64::MAX) => format!("an integer from {min} on"),
        (min, max) => format!("an integer from {min} to {max}"),
    }
}

fn float_from(value: &ValueKind) -> Result<Option<ValueKind>, String> {
    let made = match value {
        ValueKind::Float(_) | ValueKind::I64(_) | ValueKind::U64(_) => return Ok(None),
        ValueKind::String(text) => text::float_of(text),
        ValueKind::I128(_) | ValueKind::U128(_) => text::float_of(&value.to_string()),
        _ => None,
    };
    made.map(|number| Some(ValueKind::Float(number))).ok_or_else(|| "a number".to_owned())
}

fn duration_from(value: &ValueKind) -> Result<Option<ValueKind>, String> {
    match value {
        ValueKind::String(text) if duration_of(text).is_some() => Ok(None),
        _ => Err(DURATION.to_owned()),
    }
}

/// Reads a span of time, which has a unit, also where it is zero.
pub(crate) fn duration_of(text: &str) -> Option<Duration> {
    humantime::parse_duration(text.trim()).ok().filter(|_| !is_digits(text.trim()))
}

fn size_from(value: &ValueKind, number: &'static Kind) -> Result<Option<ValueKind>, String> {
    let Kind::Integer { min, max } = *bare(number).kind else { return Err(SIZE.to_owned()) };
    let size = match value {
        ValueKind::String(text) => Some(ValueKind::U64(size_of(text.trim()).ok_or(SIZE)?)),
        _ => None,
    };
    match size.as_ref().unwrap_or(value) {
        number @ (ValueKind::I64(0..) | ValueKind::U64(_)) => {
            integer_from(number, min, max).map_err(|_| format!("from {min} to {max} bytes"))?;
            Ok(size)
        }
        _ => Err(SIZE.to_owned()),
    }
}

/// Reads a number of bytes, of no more than 64 bits and without a zero in front: a part of a KiB may be one of a byte, too, and
/// then it is rounded down.
fn size_of(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (number, unit) = text.split_at(text.find(|c: char| !matches!(c, '0'..='9' | '.')).unwrap_or(text.len()));
    let bytes_each = match unit.trim_start() {
        "" if number.contains('.') => return None,
        "" => 1,
        unit => unit.parse::<Unit>().ok()? * 1_u64,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let parts_each = 10_u128.checked_pow(fraction.len().try_into().ok()?)?;
    let parts = format!("{whole}{fraction}").parse::<u128>().ok()?.checked_mul(bytes_each.into())?;
    let is_whole = bytes_each > 1 || parts.is_multiple_of(parts_each);
    u64::try_from(parts / parts_each).ok().filter(|_| is_whole && !is_padded(whole))
}
