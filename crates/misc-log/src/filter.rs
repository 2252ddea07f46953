//! Which lines are written, and how that changes at run time.

use std::{
    env, fmt,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{
    Dispatch,
    dispatcher::{WeakDispatch, with_default},
};
use tracing_log::AsLog;
use tracing_subscriber::{EnvFilter, Registry, filter::LevelFilter, reload};

use crate::sync::lock;

/// Bare words that are meant as levels, and that the filter would take for targets.
const NO_LEVELS: [&str; 6] = ["warning", "err", "fatal", "critical", "verbose", "all"];

/// Changes which lines are written, while the program runs. Cheap to clone.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (_dispatch, log) = misc_log::Setup::new(misc_log::Config::default()).build()?;
/// let level = log.level();
/// level.set("info,sqlx=warn")?;
/// assert_eq!(level.current(), "info,sqlx=warn");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LevelHandle {
    reload: reload::Handle<EnvFilter, Registry>,
    dispatch: WeakDispatch,
    current: Arc<Mutex<String>>,
    /// Whether the `log` crate's records come here, too.
    bridged: Arc<AtomicBool>,
}

impl LevelHandle {
    /// A handle on the filter of a dispatch, and what that filter is at first.
    pub(crate) fn new(reload: reload::Handle<EnvFilter, Registry>, dispatch: &Dispatch, current: String) -> Self {
        let current = Arc::new(Mutex::new(current));
        Self { reload, dispatch: dispatch.downgrade(), current, bridged: Arc::default() }
    }

    /// Replaces the filter, at once and for the whole process.
    ///
    /// A filter is one or more directives with commas between them, as [`EnvFilter`] defines them: a level (`off`,
    /// `error`, `warn`, `info`, `debug`, `trace`), a target, or `target[span{field=value}]=level`. What no directive
    /// is about is not written. Values are compared as text, not as regular expressions, so that no filter can hold
    /// the process up. An empty filter is refused, since it does not say what is meant.
    ///
    /// # Errors
    /// Every directive that is wrong, with its column; the filter stays as it was then.
    pub fn set(&self, filter: &str) -> Result<(), FilterError> {
        let Filter { text, env } = Filter::parse(filter)?;
        // Once the subscriber is gone there is nothing to filter.
        let Some(dispatch) = self.dispatch.upgrade() else {
            return Ok(());
        };
        let mut current = lock(&self.current);
        // Where there is one subscriber only, tracing asks the one of this thread what it wants to see.
        let modified = with_default(&dispatch, || self.reload.modify(|filter| *filter = env));
        if modified.is_ok() {
            *current = text;
            self.tell_log_crate();
        }
        Ok(())
    }

    /// Returns the filter as it was set last.
    #[must_use]
    pub fn current(&self) -> String {
        lock(&self.current).clone()
    }

    /// Passes records of the `log` crate on from now on.
    pub(crate) fn bridge(&self) {
        self.bridged.store(true, Ordering::Relaxed);
        self.tell_log_crate();
    }

    /// The `log` crate has a level of its own, which is to be the most that anybody wants to see.
    fn tell_log_crate(&self) {
        if self.bridged.load(Ordering::Relaxed) {
            tracing_log::log::set_max_level(LevelFilter::current().as_log());
        }
    }
}

impl fmt::Debug for LevelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LevelHandle").field(&self.current()).finish()
    }
}

/// A filter that was understood.
pub(crate) struct Filter {
    pub(crate) text: String,
    pub(crate) env: EnvFilter,
}

impl Filter {
    /// Takes the configured filter, else that of the environment, else `info`.
    pub(crate) fn choose(configured: Option<&str>) -> Result<Self, FilterError> {
        if let Some(text) = configured {
            return Self::parse(text);
        }
        let variable = env::var_os(EnvFilter::DEFAULT_ENV).filter(|text| !text.is_empty());
        let text = variable.map_or_else(|| "info".to_owned(), |text| text.to_string_lossy().into_owned());
        Self::parse(&text).map_err(|error| FilterError { origin: Some(EnvFilter::DEFAULT_ENV), ..error })
    }

    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        let builder = EnvFilter::builder().with_regex(false);
        let refuse = |problems| FilterError { filter: text.to_owned(), origin: None, problems };
        let directives = directives(text);
        if directives.is_empty() {
            return Err(refuse(vec!["it is empty; write `off` to log nothing, or a level such as `info`".to_owned()]));
        }
        let wrong = |&(column, directive): &(usize, &str)| {
            let problem = problem(directive, builder.parse(directive).is_ok())?;
            Some(format!("`{}` at column {column}: {problem}", visible(directive)))
        };
        let problems: Vec<_> = directives.iter().filter_map(wrong).collect();
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        let text = last_of_each_scope(&directives).join(",");
        match builder.parse(&text) {
            Ok(env) => Ok(Self { text, env }),
            Err(error) => Err(refuse(vec![error.to_string()])),
        }
    }
}

/// A filter that was refused: all directives that are wrong, where they are, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    filter: String,
    origin: Option<&'static str>,
    problems: Vec<String>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.map(|origin| format!(" in {origin}")).unwrap_or_default();
        write!(f, "bad log filter `{}`{origin}: {}", visible(&self.filter), self.problems.join("; "))
    }
}

impl std::error::Error for FilterError {}

/// The directives of a filter, each with its column, without spaces around them.
fn directives(text: &str) -> Vec<(usize, &str)> {
    let column = |directive: &str| {
        let bytes = directive.as_ptr().addr() - text.as_ptr().addr();
        text[..bytes].chars().count() + 1
    };
    let trimmed = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    trimmed.map(|directive| (column(directive), directive)).collect()
}

/// Leaves out directives about spans that a later one replaces: for two that match the same field the filter panics in
/// a debug build.
fn last_of_each_scope<'a>(directives: &[(usize, &'a str)]) -> Vec<&'a str> {
    let scope = |directive: &'a str| directive.rfind(']').map(|end| &directive[..=end]);
    let is_replaced = |at: usize| {
        let scope_here = scope(directives[at].1);
        scope_here.is_some() && directives[at + 1..].iter().any(|(_, later)| scope(later) == scope_here)
    };
    (0..directives.len()).filter(|at| !is_replaced(*at)).map(|at| directives[at].1).collect()
}

/// What is wrong with a directive, if anything.
fn problem(directive: &str, understood: bool) -> Option<String> {
    const LEVELS: &str = "the levels are off, error, warn, info, debug and trace";
    let level = directive.rsplit_once('=').map(|(_, level)| level).filter(|level| !level.contains([']', '}']));
    match level {
        Some(level) if !level.is_empty() && LevelFilter::from_str(level).is_err() => {
            Some(format!("`{}` is no level; {LEVELS}", visible(level)))
        }
        None if NO_LEVELS.contains(&directive) => {
            Some(format!("it is no level; {LEVELS} (for a target of that name write `{directive}=trace`)"))
        }
        _ if understood && is_well_formed(directive) => None,
        _ => Some(
            "it is not understood; write `level`, `target`, `target=level` or `target[span{field=value}]=level`"
                .to_owned(),
        ),
    }
}

/// Tells whether a directive has its brackets and signs where they belong; the filter takes others, and guesses.
fn is_well_formed(directive: &str) -> bool {
    let signs: String = directive.chars().filter(|letter| "[{=}]".contains(*letter)).collect();
    matches!(signs.strip_suffix('=').unwrap_or(&signs), "" | "[]" | "[{}]" | "[{=}]")
}

/// Returns text with its control characters escaped, so that an error stays on its line.
fn visible(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, letter| {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
        shown
    })
}
