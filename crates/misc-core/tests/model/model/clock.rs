//! The clock: everything of one instant happens before the next; two independent timers in one instant are a race.

use std::cmp::Reverse;

use super::{Body, Event, Model, ROOT, Timer, Verdict};
use crate::scenario::{Call, End, Ms, Outcome, Task};
use crate::trace::{Phase, Step};

impl Model {
    pub(super) fn timer(&mut self, at: Ms, number: usize, epoch: u32, event: Event) {
        self.timers.push(Reverse(Timer { at, number, epoch, event }));
    }

    pub(super) fn run_timer(&mut self, after: Ms, node: usize, event: Event) {
        self.timer(self.now + after, node, self.nodes[node].up.epoch, event);
    }

    pub(super) fn next_instant(&mut self) {
        let mut due: Vec<Timer> = Vec::new();
        while let Some(Reverse(next)) = self.timers.peek() {
            if due.first().is_some_and(|first| first.at < next.at) {
                break;
            }
            due.extend(self.timers.pop().map(|Reverse(timer)| timer));
        }
        self.now = due.first().map_or(self.now, |timer| timer.at);
        due.retain(|timer| self.is_live(timer));
        self.verdict.racy |= due.is_empty() && self.timers.is_empty();
        self.verdict.racy |= due.len() > 1 && !Self::are_alike(&due);
        for timer in due {
            if self.is_live(&timer) {
                self.fire(timer);
            }
        }
    }

    /// What comes too late in one instant does not race.
    fn are_alike(due: &[Timer]) -> bool {
        due.iter().all(|timer| matches!(timer.event, Event::Bound | Event::Limit))
    }

    pub(super) fn is_live(&self, timer: &Timer) -> bool {
        match timer.event {
            Event::Call => return true,
            Event::Drained => return self.is_draining(timer.number),
            Event::Limit => {
                return self.stops_in_order(timer.number) && self.apps[timer.number].phase == Phase::Stopping;
            }
            _ => {}
        }
        let cell = &self.nodes[timer.number];
        let (up, phase, same_run) = (&cell.up, cell.phase, cell.up.epoch == timer.epoch);
        match timer.event {
            Event::FirstDeadline => {
                let tries = matches!(phase, Phase::Starting | Phase::Restarting | Phase::Stopping);
                cell.life == timer.epoch && !cell.ever_ready && tries
            }
            Event::Deadline => same_run && phase == Phase::Starting,
            Event::Ready => same_run && phase == Phase::Starting && up.body == Body::Plays,
            Event::End | Event::Child => same_run && phase.is_up() && up.body == Body::Plays,
            Event::Task => same_run && up.task.is_some(),
            Event::CleanedUp => same_run && up.is_running(),
            // Who only waits for its children is not late itself.
            Event::Bound => same_run && phase == Phase::Stopping && up.bound == Some(timer.at) && up.is_busy(),
            Event::Backoff => same_run && phase == Phase::Restarting,
            Event::Call | Event::Drained | Event::Limit => false,
        }
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        let node = timer.number;
        match timer.event {
            Event::Call => self.call(&self.calls[timer.number].1.clone()),
            Event::Drained => self.stop_in_order(timer.number),
            Event::Limit => self.advance(timer.number),
            Event::Ready => self.say_ready(node),
            Event::End => self.end_by_script(node),
            Event::Task => self.end_task(node),
            Event::Child => self.start_child(node),
            Event::CleanedUp => {
                let outcome = self.nodes[node].up.script.stop.map_or(Outcome::Ok, |(_, outcome)| outcome);
                self.returns(node, outcome);
            }
            Event::FirstDeadline => self.first_deadline(node),
            Event::Deadline => self.fail(node),
            Event::Bound => self.drop_late(node),
            Event::Backoff => self.start(node, false),
        }
    }

    pub(super) fn end_by_script(&mut self, node: usize) {
        self.nodes[node].up.body = Body::Waits;
        match self.nodes[node].up.script.end.map(|(_, end)| end) {
            Some(End::Returns(outcome)) => self.returns(node, outcome),
            Some(End::StopsItself) => self.call(&Call::Stop(self.nodes[node].path.clone())),
            Some(End::RestartsItself) => self.call(&Call::Restart(self.nodes[node].path.clone())),
            Some(End::ShutsDown) => self.call(&Call::Shutdown),
            None => {}
        }
    }

    pub(super) fn end_task(&mut self, node: usize) {
        match self.nodes[node].up.task.take() {
            Some(Task::Panics | Task::PanicsUnlessStopping) => self.fail(node),
            Some(Task::Returns) | None => self.finish_if_done(node),
        }
    }

    /// "When it passes (also during backoff) the service fails for good."
    pub(super) fn first_deadline(&mut self, node: usize) {
        self.nodes[node].up.for_good = true;
        match self.nodes[node].phase {
            Phase::Starting => self.fail(node),
            Phase::Restarting => self.give_up(node),
            _ => {}
        }
    }

    pub(super) fn stops_in_order(&self, app: usize) -> bool {
        self.apps[app].stop.is_some_and(|stop| !stop.draining)
    }

    pub(super) fn is_draining(&self, app: usize) -> bool {
        self.apps[app].stop.is_some_and(|stop| stop.draining)
    }

    pub(super) fn open(&mut self, question: &'static str) {
        self.verdict.open.insert(question);
    }

    pub(super) fn go(&mut self, node: usize, to: Phase) {
        let from = std::mem::replace(&mut self.nodes[node].phase, to);
        let path = self.nodes[node].path.clone();
        self.verdict.trace.steps.push(Step { path, at: self.now, from, to });
    }

    pub(super) fn app_goes(&mut self, app: usize, to: Phase) {
        let from = std::mem::replace(&mut self.apps[app].phase, to);
        if app == ROOT {
            let path = String::new();
            self.verdict.trace.steps.push(Step { path, at: self.now, from, to });
        }
    }

    pub(super) fn verdict(mut self) -> Verdict {
        let root = &mut self.apps[ROOT];
        let trace = &mut self.verdict.trace;
        trace.exit = match (root.late.is_empty(), root.failures.is_empty()) {
            (false, _) => 70,
            (true, false) => 1,
            (true, true) => 0,
        };
        trace.failures = std::mem::take(&mut root.failures);
        trace.late = std::mem::take(&mut root.late);
        trace.ended = self.now;
        self.verdict
    }
}
