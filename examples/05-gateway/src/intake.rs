//! Where frames come in, by whatever transport.

use std::{borrow::Cow, sync::Arc};

use misc::metrics::{Counter, Error, Family, Gauge, Registry};
use tracing::debug;

use crate::{
    commands::Commands,
    frame::{Frame, Malformed},
    outbox::Outbox,
};

/// Takes frames: counts them, keeps the last values, and passes readings on. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Intake(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    values: Family<Gauge, 2>,
    accepted: Counter,
    malformed: Counter,
    outbox: Arc<Outbox>,
    commands: Arc<Commands>,
}

impl Intake {
    /// Creates the one for a transport.
    pub(crate) fn new(
        transport: &str,
        metrics: &Registry,
        outbox: &Arc<Outbox>,
        commands: &Arc<Commands>,
    ) -> Result<Self, Error> {
        let help = "Readings that came in; a frame that is refused counts as one.";
        let readings = metrics.labels(["transport", "outcome"]).counter("readings_total", help)?;
        Ok(Self(Arc::new(Inner {
            values: metrics
                .labels(["device", "kind"])
                .gauge("reading", "The last value that a device has measured.")?,
            accepted: readings.with([transport, "accepted"]),
            malformed: readings.with([transport, "malformed"]),
            outbox: Arc::clone(outbox),
            commands: Arc::clone(commands),
        })))
    }

    /// Takes a frame and returns the answer: `ok`, with the command that waits for the device behind it, or `error: ..`.
    pub(crate) fn answer(&self, line: &str) -> Cow<'static, str> {
        match self.take(line) {
            Ok(frame) => match self.0.commands.take(frame.device) {
                None => "ok".into(),
                Some(command) => format!("ok {command}").into(),
            },
            Err(malformed) => format!("error: {malformed}").into(),
        }
    }

    /// Takes a frame, all of it or, when it is malformed, nothing.
    pub(crate) fn take<'a>(&self, line: &'a str) -> Result<Frame<'a>, Malformed> {
        let frame = Frame::parse(line).inspect_err(|malformed| {
            debug!(%malformed, "a frame is refused");
            self.0.malformed.inc();
        })?;
        for (kind, value) in &frame.values {
            self.0.values.with([frame.device, kind]).set(*value);
        }
        self.0.accepted.inc_by(frame.values.len() as u64);
        frame.readings().for_each(|reading| self.0.outbox.push(reading));
        Ok(frame)
    }
}
