//! Spans of time as settings have them: `250ms`, `10s`, `1h30m`, never zero.
//!
//! For `#[serde(with = "misc_core::schema::period")]`, beside `#[describe(duration)]`, so that a `Duration` reads the same
//! whatever loads it.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes a span of time.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(period: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*period))
}

/// Reads a span of time.
///
/// # Errors
/// If it is no text, no span of time, or zero.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let period = humantime::parse_duration(&text).ok().filter(|period| !period.is_zero());
    period.ok_or_else(|| {
        D::Error::custom(format_args!("`{text}` is no span of time; write one above 0, such as `10s` or `1h30m`"))
    })
}

/// The same, where there may be none.
pub mod optional {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Period(#[serde(with = "super")] Duration);

    /// Writes a span of time, or that there is none.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(period: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        period.map(Period).serialize(serializer)
    }

    /// Reads a span of time, or that there is none.
    ///
    /// # Errors
    /// If there is something that is no span of time above zero.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Period>::deserialize(deserializer)?.map(|Period(period)| period))
    }
}
