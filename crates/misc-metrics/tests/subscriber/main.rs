//! A log whose lines are counted: the process has one subscriber for all threads, and this test has the process.

use std::{num::NonZeroUsize, sync::mpsc, time::Duration};

use misc_metrics::{Counter, Family, Registry};
use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::set_global_default,
};

struct Counting(Family<Counter, 1>);

impl Subscriber for Counting {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.0.with([event.metadata().target()]).inc();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn the_line_that_tells_of_an_overflow_may_be_counted_itself() {
    let (done, ended) = mpsc::channel();
    // On another thread, so that a deadlock fails the test.
    std::thread::spawn(move || {
        let metrics = Registry::new("shop").series_limit(NonZeroUsize::MIN);
        let lines = metrics.labels(["target"]).counter("log_lines", "Lines.").unwrap();
        set_global_default(Counting(lines.clone())).unwrap();
        tracing::info!(target: "one", "fits");
        tracing::info!(target: "two", "does not fit, and causes one more line");
        done.send(lines.with(["three"]).get()).unwrap();
    });
    assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(2));
}
