//! Times in columns.

use std::time::{Duration, SystemTime};

use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueFormat, PgValueRef, types::Oid},
};

use crate::clock::{from_micros, micros, to_micros};

/// From 1970 to 2000, whence PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;
/// A thousand years: what is added to or taken off a time stays in the calendar of the server.
const LONGEST: i64 = 1_000 * 365 * 86_400 * 1_000_000;

/// A `TIMESTAMPTZ`, without a library for calendars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) SystemTime);

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.format() == PgValueFormat::Text {
            return Err("a time was sent as text".into());
        }
        let micros = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(from_micros(micros.saturating_add(EPOCH))))
    }
}

/// Returns a span in microseconds, as statements take it.
pub(super) fn span(span: Duration) -> i64 {
    micros(span).min(LONGEST)
}

/// Returns a time in microseconds since 1970, as statements take it; what is before is 1970.
pub(super) fn time(time: SystemTime) -> i64 {
    to_micros(time).max(0)
}
