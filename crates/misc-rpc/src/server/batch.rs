//! The calls of one batch.

use std::{
    ops::Range,
    task::{Context, Poll},
    vec,
};

use bytes::Bytes;
use misc_core::TraceContext;
use tokio::time::Instant;

use super::{
    call::{Begun, Call, Request},
    meters::Outcome,
    request::Parts,
    shared::Shared,
};

/// The calls of a batch, some of them under way.
pub(crate) struct Batch {
    body: Bytes,
    /// Where the requests are of which none has begun yet, and their order.
    waiting: std::iter::Enumerate<vec::IntoIter<Range<usize>>>,
    running: Vec<(usize, Call)>,
    /// Where the answers are, as they were written, and their order.
    answers: Vec<(usize, Range<usize>)>,
}

impl Batch {
    pub(crate) fn new(body: Bytes, requests: Vec<Range<usize>>) -> Self {
        let answers = Vec::with_capacity(requests.len());
        Self { body, waiting: requests.into_iter().enumerate(), running: Vec::new(), answers }
    }

    /// Goes on with the calls, until all are answered.
    pub(crate) fn poll(
        &mut self,
        server: &Shared,
        trace: Option<&TraceContext>,
        into: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let most = server.options.limits.batch_concurrency.get();
        loop {
            while self.running.len() < most {
                if !self.begin_next(server, trace, into, false) {
                    break;
                }
            }
            let before = self.running.len();
            let Self { body, running, answers, .. } = self;
            running.retain_mut(|(order, call)| {
                let start = into.len();
                let is_over = call.poll(server, body, into, cx).is_ready();
                if is_over {
                    note(answers, *order, start, into);
                }
                !is_over
            });
            match self.running.len() {
                0 if self.waiting.len() == 0 => return Poll::Ready(()),
                // Those that have ended have made room for others.
                after if after < before && self.waiting.len() > 0 => {}
                0 => {}
                _ => return Poll::Pending,
            }
        }
    }

    /// Answers whatever is not answered yet: it is too late.
    pub(crate) fn late(&mut self, server: &Shared, trace: Option<&TraceContext>, into: &mut Vec<u8>) {
        for (order, call) in &mut self.running {
            let start = into.len();
            call.late(server, &self.body, into);
            note(&mut self.answers, *order, start, into);
        }
        self.running.clear();
        while self.begin_next(server, trace, into, true) {}
    }

    /// Ends all calls without an answer.
    pub(crate) fn cancel(&mut self, server: &Shared, outcome: Outcome) {
        for (_, call) in &mut self.running {
            call.end(server, outcome);
        }
    }

    /// Makes one array of the answers, in the order of the requests; nothing if there is nothing to say.
    pub(crate) fn finish(&mut self, mut written: Vec<u8>) -> Vec<u8> {
        if self.answers.is_empty() {
            return Vec::new();
        }
        if self.answers.is_sorted_by_key(|(order, _)| *order) {
            // The last comma.
            written.pop();
            written.push(b']');
            return written;
        }
        self.answers.sort_unstable_by_key(|(order, _)| *order);
        let mut sorted = Vec::with_capacity(written.len());
        for (_, place) in &self.answers {
            sorted.push(if sorted.is_empty() { b'[' } else { b',' });
            sorted.extend_from_slice(&written[place.clone()]);
        }
        sorted.push(b']');
        sorted
    }

    /// Begins the next call; `false` if there is none.
    fn begin_next(&mut self, server: &Shared, trace: Option<&TraceContext>, into: &mut Vec<u8>, is_late: bool) -> bool {
        let Some((order, place)) = self.waiting.next() else {
            return false;
        };
        let at = place.start;
        let text = self.body.get(place).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
        let began = server.is_measured().then(Instant::now);
        let request = Request { text, parts: Parts::read(text), at, trace, began, is_late };
        let start = into.len();
        match Call::begin(server, &request, into) {
            Begun::Running(call) => self.running.push((order, call)),
            Begun::Answered | Begun::Refused => note(&mut self.answers, order, start, into),
        }
        true
    }
}

/// Notes where an answer is, if one was written.
fn note(answers: &mut Vec<(usize, Range<usize>)>, order: usize, start: usize, written: &mut Vec<u8>) {
    if written.len() > start {
        answers.push((order, start..written.len()));
        written.push(b',');
    }
}
