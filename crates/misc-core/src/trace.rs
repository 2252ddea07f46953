//! Where the work at hand stands in a distributed trace.

use std::{fmt, future::Future, sync::Arc};

use tracing::Span;

use crate::run;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// Names a span of a trace that crosses processes, as [W3C Trace Context] has it.
///
/// Servers take it from what they receive, clients write it into what they send, queues keep it with a job. The core
/// carries it; it comes from the tracer of the app ([`App::tracer`](crate::App::tracer)) while that has a span, else
/// from the [`scope`](Self::scope) around the work, so that a trace passes through a service that exports nothing.
///
/// # Examples
/// ```
/// use misc_core::TraceContext;
///
/// let context = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("valid");
/// assert!(context.is_sampled());
/// assert_eq!(context.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// ```
///
/// [W3C Trace Context]: https://www.w3.org/TR/trace-context/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// Names a span; `None` if an id is zero, which stands for none.
    #[must_use]
    pub fn new(trace_id: u128, span_id: u64, sampled: bool) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags: sampled.into(), state: None })
    }

    /// Reads a `traceparent`; `None` if it is invalid, in which case a new trace begins (section 2.2 of the standard).
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let bytes = traceparent.as_bytes();
        let known = bytes.get(..55)?;
        let (version, rest) = (hex(&known[..2])?, &bytes[55..]);
        let is_whole = match version {
            0 => rest.is_empty(),
            0xff => false,
            // What a later version adds comes after a dash.
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        if !is_whole || [known[2], known[35], known[52]] != [b'-'; 3] {
            return None;
        }
        let context = Self::new(hex(&known[3..35])?, u64::try_from(hex(&known[36..52])?).ok()?, false)?;
        // What the standard does not define is not passed on (level 2 has two flags).
        Some(Self { flags: u8::try_from(hex(&known[53..])?).ok()? & 0b11, ..context })
    }

    /// Adds what vendors pass on: a `tracestate`.
    #[must_use]
    pub fn state(mut self, tracestate: impl Into<Arc<str>>) -> Self {
        self.state = Some(tracestate.into()).filter(|state: &Arc<str>| !state.is_empty());
        self
    }

    /// Returns the id of the trace.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// Returns the id of the span, the parent of what comes next.
    #[must_use]
    pub fn span_id(&self) -> u64 {
        self.span_id
    }

    /// Tells whether whoever began the trace may have recorded it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// Returns the `tracestate`, if there is one.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Returns where the work of this task stands: what to pass on to whatever is called.
    #[must_use]
    pub fn current() -> Option<Self> {
        let traced = tracer().and_then(|tracer| tracer.current());
        traced.or_else(|| CURRENT.try_with(Clone::clone).ok())
    }

    /// Returns where `span` stands; `None` if the app has no tracer, or that does not know the span.
    #[must_use]
    pub fn of(span: &Span) -> Option<Self> {
        let tracer = tracer()?;
        span.in_scope(|| tracer.current())
    }

    /// Runs `work` as a part of this trace.
    ///
    /// # Cancel safety
    /// As cancel safe as `work`.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Calls `work` as a part of this trace: for a poll of a future.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// Makes `span` a child of the span that this names, if the app has a tracer; call it before the span is entered.
    ///
    /// Returns whether it has one.
    pub fn adopt(&self, span: &Span) -> bool {
        let tracer = tracer();
        if let Some(tracer) = &tracer {
            tracer.adopt(span, self);
        }
        tracer.is_some()
    }
}

/// Writes the `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is written for each call that a traced service makes, and formatting three numbers takes five times as long.
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let numbers = [(3..35, self.trace_id), (36..52, self.span_id.into()), (53..55, self.flags.into())];
        for (place, mut number) in numbers {
            for digit in text[place].iter_mut().rev() {
                *digit = b"0123456789abcdef"[(number & 0xf) as usize];
                number >>= 4;
            }
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

fn tracer() -> Option<Arc<dyn Tracer>> {
    run::current()?.scope.place()?.tracer.clone()
}

/// Reads lowercase hexadecimal digits, the only ones that the standard allows.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Some(number << 4 | u128::from(digit - b'0')),
        b'a'..=b'f' => Some(number << 4 | u128::from(digit - b'a' + 10)),
        _ => None,
    })
}

/// Ties an app's spans to traces that cross processes: what an exporter of spans is to the other crates.
pub trait Tracer: Send + Sync + 'static {
    /// Returns where the current span stands; `None` outside of spans.
    fn current(&self) -> Option<TraceContext>;

    /// Makes `span` a child of `parent`, which is in another process.
    fn adopt(&self, span: &Span, parent: &TraceContext);
}
