//! The layer that makes a line of each event.

use std::{cell::Cell, sync::Arc};

use misc_core::current_service;
use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, Scope, SpanRef},
};

use crate::{
    repeats::Repeats,
    span::{Ids, SpanFields},
    style::{Head, Line, Style},
    value::{Fields, Value, Visitor},
    writer::Writer,
};

/// How much room a thread keeps for its next line.
const KEEP: usize = 64 << 10;

/// Makes a line of each event, and hands it to the writer.
#[derive(Debug)]
pub(crate) struct LogLayer {
    pub(crate) style: Style,
    pub(crate) spans: bool,
    pub(crate) repeats: Option<Arc<Repeats>>,
    pub(crate) writer: Arc<Writer>,
}

/// What a thread needs to write a line, kept for its next one.
#[derive(Default)]
struct Scratch {
    line: String,
    ids: Ids,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
    static RECORDED: Cell<SpanFields> = Cell::default();
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        // The values' own code runs before anything is locked.
        let fields = SpanFields::of(attributes);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        // So it does here, into what the thread keeps for this.
        let mut newer = RECORDED.try_with(Cell::take).unwrap_or_default();
        newer.record(record);
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            fields.merge(&newer);
        }
        newer.clear();
        RECORDED.try_with(|kept| kept.set(newer)).unwrap_or_default();
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let of_log_crate = event.normalized_metadata();
        let metadata = of_log_crate.as_ref().unwrap_or_else(|| event.metadata());
        let admitted = self.repeats.as_ref().map_or(Some(0), |repeats| repeats.admit(metadata, of_log_crate.is_some()));
        let Some(suppressed) = admitted else {
            return;
        };
        // Taken out, since a value that logs while it is shown comes here again.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        self.write(&mut scratch, metadata, event, &ctx, suppressed);
        self.writer.push(&scratch.line);
        scratch.clear();
        // At the end of a thread there is nobody to keep it for.
        SCRATCH.try_with(|kept| kept.set(scratch)).unwrap_or_default();
    }
}

impl LogLayer {
    fn write<S>(
        &self,
        Scratch { line, ids }: &mut Scratch,
        metadata: &Metadata<'_>,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        suppressed: u64,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        collect_ids(ids, event, ctx);
        let service = current_service().filter(|_| !says(event, "service"));
        // What the event says itself counts.
        let unless_said = |name, id| if says(event, name) { "" } else { id };
        let head = Head {
            service: service.as_deref().unwrap_or_default(),
            trace_id: unless_said("trace_id", &ids.trace),
            span_id: unless_said("span_id", &ids.span),
            suppressed,
            ..Head::new(*metadata.level(), metadata.target())
        };
        let mut line = Line::begin(self.style, line, &head);
        event.record(&mut Visitor(&mut line));
        line.tail(&head);
        if self.spans {
            for span in ctx.event_scope(event).into_iter().flat_map(Scope::from_root) {
                line.span(span.name(), span.extensions().get::<SpanFields>());
            }
        }
        line.end();
    }
}

impl Scratch {
    fn clear(&mut self) {
        self.line.clear();
        self.line.shrink_to(KEEP);
        self.ids.clear();
    }
}

/// Tells whether an event has a value for a field, and not only a place for one.
fn says(event: &Event<'_>, name: &'static str) -> bool {
    struct Looks(&'static str, bool);

    impl Fields for Looks {
        fn field(&mut self, name: &'static str, _: Value<'_>) {
            self.1 |= name == self.0;
        }
    }

    let mut looks = Looks(name, false);
    if event.metadata().fields().field(name).is_some() {
        event.record(&mut Visitor(&mut looks));
    }
    looks.1
}

/// Finds the ids of the nearest span that has some, else those of the current OpenTelemetry span.
fn collect_ids<S>(ids: &mut Ids, event: &Event<'_>, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let from = |ids: &mut Ids, span: &SpanRef<'_, S>| {
        if let Some(fields) = span.extensions().get::<SpanFields>() {
            ids.fill(fields.ids());
        }
    };
    for span in ctx.event_scope(event).into_iter().flatten() {
        from(ids, &span);
        if ids.is_full() {
            return;
        }
    }
    // Half of each would name a span that there is not.
    #[cfg(feature = "otel")]
    if event.is_contextual() && ids.is_empty() {
        crate::otel::fill_ids(ids);
    }
}
