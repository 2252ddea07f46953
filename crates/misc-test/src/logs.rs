//! What is logged, captured for one test.

use std::{cell::Cell, fmt, sync::LazyLock, thread};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::watch,
};
use tracing::{
    Dispatch, Event, Level, Subscriber,
    dispatcher::{self, DefaultGuard},
    field::{Field, Visit},
    subscriber::NoSubscriber,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    registry::{LookupSpan, Registry, Scope},
};

use crate::clock::{Clock, in_time};

/// Two subscribers that take nothing, for as long as the process lives.
///
/// While there is only one subscriber, tracing asks the thread that comes first to a log line whether anybody wants
/// that line, and remembers the answer for all threads. The tests beside this one would say no.
static OTHERS: LazyLock<[Dispatch; 2]> = LazyLock::new(|| [(); 2].map(|()| Dispatch::new(NoSubscriber::new())));

thread_local! {
    /// How many captures there are on this thread, one inside the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Captures what is logged on this thread while it lives: every `tracing` event, of every level.
///
/// The runtime of a `#[tokio::test]` has one thread, and so has all that the test runs: the lines are this test's own,
/// and nothing is global. What runs elsewhere is not seen: [`Context::blocking`](misc_core::Context::blocking),
/// threads of one's own, another runtime; nor what goes through the `log` crate.
///
/// A capture inside another one has the lines for itself, and must be dropped first; else the drop of the outer one
/// panics.
///
/// A line is rendered as `WARN shop::db{span}: message field=value`, and an assertion looks into that text.
///
/// # Examples
/// ```
/// use misc_core::Context;
/// use misc_test::{Logs, TestApp};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let logs = Logs::capture();
/// let app = TestApp::service(async |ctx: Context| {
///     tracing::warn!(disk = "sda", "nearly full");
///     ctx.ready();
///     ctx.stopping().await;
///     Ok(())
/// })
/// .await;
/// logs.assert_logged("nearly full disk=sda");
/// logs.assert_not_logged("ERROR");
/// app.stop().await.assert_ok();
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it captures only while it lives"]
pub struct Logs {
    lines: watch::Sender<Vec<Line>>,
    /// How many captures were there on this thread, with this one, when it began.
    depth: usize,
    _default: DefaultGuard,
}

/// One captured line.
#[derive(Debug, Clone)]
pub struct Line {
    level: Level,
    target: String,
    spans: Vec<&'static str>,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Logs {
    /// Captures from now on.
    ///
    /// # Panics
    /// On a multi-threaded runtime, whose other threads it would not hear.
    pub fn capture() -> Self {
        let many = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() != RuntimeFlavor::CurrentThread);
        assert!(
            !many,
            "logs are captured on one thread, and this runtime has several: test it on a current-thread runtime, \
             which is what a plain `#[tokio::test]` has"
        );
        LazyLock::force(&OTHERS);
        let lines = watch::Sender::default();
        let capture = Registry::default().with(Capture { lines: lines.clone() });
        let depth = DEPTH.get() + 1;
        DEPTH.set(depth);
        Self { lines, depth, _default: dispatcher::set_default(&Dispatch::new(capture)) }
    }

    /// Returns all lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines.borrow().clone()
    }

    /// Returns the lines of a level and of those more severe.
    #[must_use]
    pub fn at_least(&self, level: Level) -> Vec<Line> {
        self.lines.borrow().iter().filter(|line| line.level <= level).cloned().collect()
    }

    /// Asserts that a line with this text was logged.
    ///
    /// # Panics
    /// When none was: with all lines.
    #[track_caller]
    pub fn assert_logged(&self, text: &str) {
        assert!(has(&self.lines.borrow(), text), "`{text}` was not logged\n{}", self.all());
    }

    /// Asserts that no line with this text was logged.
    ///
    /// # Panics
    /// When one was: with all lines.
    #[track_caller]
    pub fn assert_not_logged(&self, text: &str) {
        assert!(!has(&self.lines.borrow(), text), "`{text}` was logged\n{}", self.all());
    }

    /// Waits for a line with this text, unless it was logged already.
    ///
    /// # Panics
    /// When none was logged after 10 s, or an hour of a paused clock: with all lines.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn until(&self, text: &str) {
        let mut lines = self.lines.subscribe();
        let patience = Clock::now().patience();
        let in_time = in_time(patience, lines.wait_for(|lines| has(lines, text))).await.is_some();
        assert!(in_time, "`{text}` was not logged within {patience:?}\n{}", self.all());
    }

    fn all(&self) -> String {
        let lines: String = self.lines.borrow().iter().map(|line| format!("\n  {line}")).collect();
        if lines.is_empty() { "nothing was logged".to_owned() } else { format!("what was logged:{lines}") }
    }
}

impl Drop for Logs {
    /// Sees to it that captures end in the reverse order, for the others would hear nothing any more.
    fn drop(&mut self) {
        let depth = DEPTH.replace(self.depth - 1);
        assert!(
            depth <= self.depth || thread::panicking(),
            "these logs end while others, captured later, are still there, and those would hear nothing any more: drop \
             them first"
        );
    }
}

fn has(lines: &[Line], text: &str) -> bool {
    lines.iter().any(|line| line.to_string().contains(text))
}

impl Line {
    /// Returns the level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Returns the target: the module that has logged, unless it said otherwise.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the names of the spans that it was logged in, the outermost first.
    #[must_use]
    pub fn spans(&self) -> &[&'static str] {
        &self.spans
    }

    /// Returns the message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the value of a field, as text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| &**value)
    }

    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name, value)),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, target, spans, message, fields } = self;
        write!(f, "{level} {target}")?;
        spans.iter().try_for_each(|span| write!(f, "{{{span}}}"))?;
        write!(f, ": {message}")?;
        fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, value.to_string());
    }
}

/// Turns events into lines.
struct Capture {
    lines: watch::Sender<Vec<Line>>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let spans = context.event_scope(event).into_iter().flat_map(Scope::from_root);
        let mut line = Line {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            spans: spans.map(|span| span.name()).collect(),
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut line);
        self.lines.send_modify(|lines| lines.push(line));
    }
}
