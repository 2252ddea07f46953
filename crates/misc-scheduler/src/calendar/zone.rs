//! A time zone by its name, and the instants at which its clocks show a time.

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

/// How many names an error proposes at most.
const SUGGESTIONS: usize = 3;
/// How like a name has to be (0 to 1) before an error proposes it.
const LIKE: f64 = 0.8;

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone(Tz);

impl Zone {
    pub(crate) const UTC: Self = Self(Tz::UTC);

    /// Finds a zone by its name, such as `Europe/Berlin`.
    pub(crate) fn parse(name: &str) -> Result<Self, UnknownZone> {
        let name = name.trim();
        name.parse().map(Self).map_err(|_| UnknownZone { name: name.to_owned(), advice: advice(name) })
    }

    #[cfg(test)]
    pub(crate) fn name(self) -> &'static str {
        self.0.name()
    }

    /// What the clocks show at an instant.
    pub(super) fn wall(self, at: DateTime<Utc>) -> Option<NaiveDateTime> {
        let utc = at.naive_utc();
        utc.checked_add_offset(self.0.offset_from_utc_datetime(&utc).fix())
    }

    /// When the clocks show a time.
    pub(super) fn moments(self, wall: NaiveDateTime) -> Option<Moments> {
        let local = self.0.from_local_datetime(&wall).map(|at| at.to_utc());
        match (local.earliest(), local.latest()) {
            (Some(first), Some(second)) if first != second => Some(Moments::Twice(first, second)),
            (Some(once), _) => Some(Moments::Once(once)),
            _ => Some(Moments::Never { then: GapInfo::new(&wall, &self.0)?.end?.to_utc() }),
        }
    }
}

/// The instants at which clocks show a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moments {
    Once(DateTime<Utc>),
    /// The clocks were set back meanwhile.
    Twice(DateTime<Utc>, DateTime<Utc>),
    /// The clocks were set forward over it, at `then`.
    Never {
        then: DateTime<Utc>,
    },
}

/// No time zone has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time zone is named `{name}`; {advice}")]
pub(crate) struct UnknownZone {
    name: String,
    advice: String,
}

/// What to write instead.
fn advice(name: &str) -> String {
    let near = near(name);
    if near.is_empty() {
        return "write a name of the IANA database, such as `Europe/Berlin`".to_owned();
    }
    let names: Vec<_> = near.into_iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}?", names.join(" or "))
}

/// The names most like the one that is unknown, the likest first.
fn near(name: &str) -> Vec<&'static str> {
    let name = name.to_ascii_lowercase().replace(' ', "_");
    let mut likeness: Vec<_> = TZ_VARIANTS.iter().map(|zone| (likeness(&name, zone.name()), zone.name())).collect();
    likeness.retain(|(likeness, _)| *likeness >= LIKE);
    likeness.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    // What is all but right leaves no doubt.
    let certain = likeness.first().is_some_and(|(likeness, _)| *likeness >= 1.0);
    let names = likeness.into_iter().map(|(_, name)| name);
    names.take(if certain { 1 } else { SUGGESTIONS }).collect()
}

/// How like a zone's name is: as a whole, or its city alone (`Berlin`).
fn likeness(name: &str, zone: &str) -> f64 {
    let zone = zone.to_ascii_lowercase();
    let city = zone.rsplit('/').next().unwrap_or(&zone);
    let whole = strsim::normalized_damerau_levenshtein(name, &zone);
    let part = strsim::normalized_damerau_levenshtein(name, city);
    // Between equals, a city of that name is the one meant.
    if part >= 1.0 { 1.0 } else { whole.max(part * 0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_advice(name: &str, expected: &str) {
        let error = Zone::parse(name).unwrap_err().to_string();
        assert_eq!(error, format!("no time zone is named `{}`; {expected}", name.trim()));
    }

    #[test]
    fn proposes_names_that_are_near() {
        check_advice("europe/berlin", "did you mean `Europe/Berlin`?");
        check_advice("Berlin", "did you mean `Europe/Berlin`?");
        check_advice("Europe/Berlni", "did you mean `Europe/Berlin`?");
        check_advice("America/Saopaulo", "did you mean `America/Sao_Paulo`?");
        check_advice("New York", "did you mean `America/New_York`?");
        check_advice("Asia/Shangai", "did you mean `Asia/Shanghai`?");
        check_advice("Nowhere/At_All", "write a name of the IANA database, such as `Europe/Berlin`");
        check_advice("", "write a name of the IANA database, such as `Europe/Berlin`");
    }

    #[test]
    fn finds_names_with_space_around() {
        assert_eq!(Zone::parse(" Asia/Kathmandu\n").map(Zone::name), Ok("Asia/Kathmandu"));
        assert_eq!(Zone::parse("UTC"), Ok(Zone::UTC));
    }
}
