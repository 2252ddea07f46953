//! The settings of the log.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    path::{MAIN_SEPARATOR, PathBuf},
    time::Duration,
};

use misc_core::schema::{self, Kind};
use misc_macros::Describe;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The settings of the log.
///
/// # Examples
/// ```
/// use misc_log::{Config, Format};
///
/// let config: Config = serde_json::from_str(r#"{ "format": "json", "filter": "info,sqlx=warn" }"#)?;
/// assert_eq!(config.format, Format::Json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Which lines are written, as [`LevelHandle::set`](crate::LevelHandle::set) has it (`RUST_LOG` where that is set
    /// and not empty, else `info`).
    pub filter: Option<String>,
    /// How a line looks (`auto`).
    pub format: Format,
    /// Whether lines have colours (`auto`).
    pub color: Color,
    /// Where lines go (`stderr`).
    pub output: Output,
    /// How many bytes may wait for the output (8 MiB).
    #[describe(bytes)]
    pub buffer: NonZeroUsize,
    /// What happens to a line that finds the buffer full (`drop`).
    pub overflow: Overflow,
    /// How often one place in the code may log (as often as it likes).
    #[describe(nested)]
    pub repeat_limit: Option<RepeatLimit>,
    /// Whether [`init`](crate::init) has panics logged, instead of printed on standard error (yes).
    pub panic_hook: bool,
    /// Whether a line shows the spans it was logged in (yes).
    pub spans: bool,
    /// Where spans are exported to (nowhere).
    #[cfg(feature = "otel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
    #[describe(nested)]
    pub otel: Option<crate::Otel>,
}

impl Default for Config {
    fn default() -> Self {
        const BUFFER: NonZeroUsize = NonZeroUsize::new(8 << 20).expect("it is not zero");
        Self {
            filter: None,
            format: Format::default(),
            color: Color::default(),
            output: Output::default(),
            buffer: BUFFER,
            overflow: Overflow::default(),
            repeat_limit: None,
            panic_hook: true,
            spans: true,
            #[cfg(feature = "otel")]
            otel: None,
        }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// What suits the output: [`Journald`](Self::Journald) where it is systemd's journal, [`Pretty`](Self::Pretty) on
    /// a terminal, else [`Compact`](Self::Compact).
    #[default]
    Auto,
    /// For people: as compact, with the spans, and what has several lines, on lines of their own below.
    Pretty,
    /// One line of text: `<time> <level> <service> <target>: <message> <fields> in <spans>`.
    Compact,
    /// One flat JSON object a line.
    Json,
    /// As compact, with the priority in front that `sd-daemon(3)` defines instead of a time, which the journal adds.
    Journald,
}

/// Whether lines have colours; only those for people ever have, [`Format::Pretty`] and [`Format::Compact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// Where lines go: `stderr`, `stdout`, or a path, which contains a separator as in `./shop.log`.
///
/// A file is appended to. When it was moved away or removed, as logrotate does, a new one is made in its place; where
/// that fails, lines go on to one that was moved, and are counted as dropped for one that was removed. A relative path
/// is that of the directory in which the log was set up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Output {
    /// Standard error.
    #[default]
    Stderr,
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl schema::Describe for Output {
    const KIND: Kind = Kind::Text;
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stderr => f.write_str("stderr"),
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) if path.components().count() == 1 && path.is_relative() => {
                write!(f, ".{MAIN_SEPARATOR}{}", path.display())
            }
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*String::deserialize(deserializer)? {
            "stderr" => Ok(Self::Stderr),
            "stdout" => Ok(Self::Stdout),
            path if path.contains(['/', MAIN_SEPARATOR]) => Ok(Self::File(path.into())),
            other => Err(D::Error::custom(format_args!(
                "`{other}` is no log output; write `stderr`, `stdout`, or a path such as `./{other}`"
            ))),
        }
    }
}

/// What happens to a line that finds the buffer full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Overflow {
    /// It is dropped and counted, and the count is logged as soon as there is room.
    #[default]
    Drop,
    /// It waits for room, and with it the thread that logs, all tasks of a runtime's worker included.
    Block,
}

/// How often one place in the code may log: so many lines at once, then as many in each period.
///
/// What is left out is counted: the next line from that place says how many (`suppressed=12`), and so does the end of
/// the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Describe)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RepeatLimit {
    /// How many lines.
    pub lines: NonZeroU32,
    /// The period, as in `10s` or `1h30m`.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub per: Duration,
}

impl RepeatLimit {
    /// Allows so many lines in each period.
    #[must_use]
    pub fn new(lines: NonZeroU32, per: Duration) -> Self {
        Self { lines, per }
    }
}
