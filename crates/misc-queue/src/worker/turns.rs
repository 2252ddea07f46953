//! The turns of a worker: what is over goes to the store, and as much comes back as there is room for.

use std::{sync::Arc, time::Duration};

use misc_core::Context;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::bench::Bench;
use crate::{
    engine::{Claim, Claimed, Ended, Ending, Session, Turned},
    error::{Error, one_line},
    status::JobId,
    store::{Open, Store, Turn},
};

/// How much of its time to stop a worker keeps for telling the store what became of its jobs.
const KEPT: Duration = Duration::from_secs(1);
/// How long it waits after the first answer that the store did not give, and at most.
const AWAY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How many jobs a turn claims at most, unless more of them may run at once. A worker has twice as many, so that some are
/// run while others are fetched.
const TOGETHER: usize = 512;
/// How long a job may wait for a slot before it goes back: it was claimed in the belief that jobs are short.
const WAIT: Duration = Duration::from_millis(200);
/// How long it waits at most when it shall stop.
const AWAY_AT_STOP: Duration = Duration::from_millis(250);
/// How often it is looked for jobs whose claim was not answered, as a store may make it long after that.
const DOUBTS: Duration = Duration::from_secs(1);
/// How long it is until it asks again whether there is a job that a process has died with, if another worker just asks.
const LOOKS: Duration = Duration::from_millis(50);

/// What a worker knows between two turns.
pub(super) struct Turns<'a> {
    store: &'a Store,
    bench: &'a Arc<Bench>,
    /// How many jobs run at once.
    slots: usize,
    /// How many more it claims than can be begun: none, unless jobs end sooner than the store answers.
    ahead: usize,
    /// When the store last gave it jobs.
    claimed_at: Instant,
    /// What the store is being told to be over.
    ended: Vec<(Session, Ended)>,
    /// When the next job is due that is not yet.
    due: Option<Instant>,
    /// Whether this worker may have a job that a process has died with.
    may_suspect: bool,
    /// Which that is, if it has one.
    suspect: Option<(Session, JobId)>,
    /// When it looks for jobs although nobody has told it of one.
    look: Instant,
    /// When it looks for jobs whose claim was not answered.
    find: Option<Instant>,
    /// How long to wait after an error; `None` if there was none.
    away: Option<Duration>,
    /// Whether the store knows what became of all jobs.
    is_done: bool,
}

impl<'a> Turns<'a> {
    pub(super) fn new(store: &'a Store, bench: &'a Arc<Bench>, slots: usize) -> Self {
        Self {
            store,
            bench,
            slots,
            ahead: 0,
            claimed_at: Instant::now(),
            ended: Vec::with_capacity(slots),
            due: None,
            may_suspect: false,
            suspect: None,
            look: Instant::now() + store.shared.config.poll,
            find: None,
            away: None,
            is_done: false,
        }
    }

    /// Takes turns until the service shall stop and nothing is left to be done, or no more time to do it.
    pub(super) async fn run(mut self, ctx: &Context) {
        while !ctx.is_stopping() {
            let now = Instant::now();
            if self.due.take_if(|due| *due <= now).is_some() {
                self.bench.wake();
            }
            if self.look <= now {
                self.look = now + self.store.shared.config.poll;
                self.bench.wake();
            }
            if self.find.take_if(|find| *find <= now).is_some()
                && let Ok(open) = self.store.opened().await
            {
                self.find_again(&open, open.session()).await;
            }
            let mut next = self.due.into_iter().chain(self.find).fold(self.look, Instant::min);
            let has_too_many = || self.ahead > 0 || self.bench.busy() > self.slots;
            if let Some(claimed_at) = self.bench.ready_since().filter(|_| has_too_many()) {
                next = next.min(claimed_at + WAIT);
                if claimed_at + WAIT <= now {
                    self.ahead = 0;
                    self.bench.give_back_ready();
                    self.bench.wake();
                }
            }
            let room = (self.slots + self.ahead).saturating_sub(self.bench.busy()).min(self.claim_limit());
            if self.bench.over() == 0 && (room == 0 || !self.bench.is_hungry()) {
                tokio::select! {
                    biased;
                    () = ctx.stopping() => break,
                    () = self.bench.until_turn() => {}
                    () = sleep_until(next) => {}
                }
                continue;
            }
            self.turn(room).await;
            if let Some(pause) = self.away {
                ctx.until_stopping(sleep(pause)).await;
            }
        }
        self.finish(ctx).await;
    }

    /// Returns how many jobs a turn claims at most.
    fn claim_limit(&self) -> usize {
        if self.ahead == 0 { self.slots } else { self.slots.max((self.slots + self.ahead) / 2) }
    }

    /// Stores what is over, and claims as many jobs as there is room for.
    async fn turn(&mut self, room: usize) {
        let Ok(open) = self.store.opened().await else { return };
        let session = open.session();
        if self.away.is_some() && !self.find_again(&open, session).await {
            return;
        }
        let _turning = self.store.shared.turning.read().await;
        let wants = room > 0 && self.bench.take_hunger();
        let suspect = wants && self.takes_suspect();
        let claim = wants.then(|| Claim { queue: self.bench.queue().into(), jobs: room, suspect });
        self.bench.take_ended(&mut self.ended);
        let own = self.own(session);
        // Also if nobody waits for the answer any more.
        let doubt = wants.then(|| self.bench.doubt(Some(Instant::now() + self.store.shared.config.lease)));
        let turned = open.engine.turn(session, &own, claim.as_ref()).await;
        if let Some(before) = doubt
            && !turned.as_ref().is_err_and(Error::is_uncertain)
        {
            self.bench.doubt(before);
        }
        match turned {
            Ok(turned) => {
                self.ended.clear();
                self.turned(session, &own, claim.as_ref(), turned);
            }
            Err(error) => {
                self.bench.put_back(&mut self.ended);
                self.failed(&error);
                if wants {
                    self.bench.wake();
                }
            }
        }
    }

    /// Returns what is over of the session, and drops what was of another one.
    fn own(&mut self, session: Session) -> Vec<Ended> {
        let lost: Vec<_> = self.ended.extract_if(.., |(of, _)| *of != session).collect();
        for (of, ended) in lost {
            self.lost(of, ended.id);
        }
        self.ended.iter().map(|(_, ended)| ended.clone()).collect()
    }

    fn turned(&mut self, session: Session, own: &[Ended], claim: Option<&Claim>, turned: Turned) {
        if self.away.take().is_some() {
            info!(queue = self.bench.queue(), "the store answers again");
        } else {
            // After an error it may be that they were ended, and only the answer was lost.
            turned.lost.iter().for_each(|job| self.lost(session, *job));
        }
        for ended in own {
            self.is_over(session, ended.id);
            self.comes_back(&ended.ending);
        }
        if !own.is_empty() {
            self.store.shared.wakes.ended();
        }
        let Some(claim) = claim else { return };
        self.look = Instant::now() + self.store.shared.config.poll;
        self.suspects(session, &turned.claimed);
        self.give_up_suspect();
        let next_due = turned.next_due.and_then(|after| Instant::now().checked_add(after));
        // What has just failed may be due before that, as it was not there yet when it was looked for.
        self.due = next_due.into_iter().chain(self.due).min();
        if turned.claimed.len() >= claim.jobs {
            self.bench.wake();
            if self.has_short_jobs(own) {
                self.ahead = (self.slots + self.ahead * 2).min((TOGETHER * 2).saturating_sub(self.slots));
            }
        }
        if !turned.claimed.is_empty() {
            self.claimed_at = Instant::now();
        }
        self.bench.add(session, turned.claimed);
    }

    /// Returns whether jobs are so short that the store is slower: a good part was done before it was asked, the rest before
    /// it answered, and that soon.
    fn has_short_jobs(&self, own: &[Ended]) -> bool {
        let is_done = |ended: &&Ended| !ended.ending.gives_back();
        self.bench.busy() == 0
            && self.claimed_at.elapsed() < WAIT / 2
            && own.iter().filter(is_done).count() * 4 >= self.slots + self.ahead
    }

    /// Takes up jobs that were claimed when the store went away before it could say so.
    async fn find_again(&mut self, open: &Open, session: Session) -> bool {
        // Others may have jobs of this queue as well, and know which.
        let _turning = self.store.shared.turning.write().await;
        let held = match open.engine.held(session, self.bench.queue()).await {
            Ok(held) => held,
            Err(error) => {
                self.failed(&error);
                return false;
            }
        };
        let is_new = |job: &Claimed| !self.store.shared.wakes.has(job.id, session);
        let found: Vec<_> = held.into_iter().filter(is_new).collect();
        self.suspects(session, &found);
        debug!(jobs = found.len(), "took up jobs whose claim was not answered");
        self.bench.add(session, found);
        self.find = self.bench.is_in_doubt().then(|| Instant::now() + DOUBTS);
        true
    }

    /// Returns whether it may claim a job that a process has died with.
    fn takes_suspect(&mut self) -> bool {
        if self.may_suspect && self.suspect.is_none() {
            return true;
        }
        match self.store.shared.suspect.take(self.bench) {
            Turn::Free => {
                self.may_suspect = true;
                true
            }
            Turn::Looking => {
                self.look_after(LOOKS);
                false
            }
            Turn::Running => false,
        }
    }

    /// Remembers the job that a process has died with, so that no other such one comes beside it.
    fn suspects(&mut self, session: Session, claimed: &[Claimed]) {
        if let Some(job) = claimed.iter().find(|job| job.crashes > 0) {
            self.suspect = Some((session, job.id));
            self.may_suspect = true;
            self.store.shared.suspect.runs();
        }
    }

    /// Lets another worker have such a job, unless this one has one.
    fn give_up_suspect(&mut self) {
        if self.suspect.is_none() && std::mem::take(&mut self.may_suspect) {
            self.store.shared.suspect.give_back();
        }
    }

    /// Remembers when a job that is over for now is due again.
    fn comes_back(&mut self, ending: &Ending) {
        if let Ending::Failed { again_after: after, .. } | Ending::Postponed { by: after } = ending {
            self.look_after(*after);
        }
    }

    fn look_after(&mut self, time: Duration) {
        let due = Instant::now().checked_add(time);
        self.due = due.into_iter().chain(self.due).min();
    }

    fn is_over(&mut self, session: Session, job: JobId) {
        if self.suspect == Some((session, job)) {
            self.suspect = None;
            self.give_up_suspect();
            // There may be another one.
            self.bench.wake();
        }
    }

    fn lost(&mut self, session: Session, job: JobId) {
        self.is_over(session, job);
        warn!(queue = self.bench.queue(), job = job.0, "a job is over, but its lease was lost: it may be done twice");
    }

    /// Stores what is over, or waits a while if the store is away.
    async fn last_turn(&mut self) {
        self.turn(0).await;
        if let Some(pause) = self.away {
            sleep(pause.min(AWAY_AT_STOP)).await;
        }
    }

    fn failed(&mut self, error: &Error) {
        if self.away.is_none() {
            warn!(queue = self.bench.queue(), error = %one_line(error), "the store does not answer: trying again");
        }
        // A claim that is not answered may be too large.
        self.ahead = 0;
        let pause = self.away.map_or(AWAY.0, |pause| (pause * 2).min(AWAY.1));
        self.away = Some(pause.mul_f64(0.75 + fastrand::f64() / 4.0));
    }

    /// Gives back what has not begun, waits for what runs as long as there is time, and gives back the rest.
    async fn finish(&mut self, ctx: &Context) {
        let end = ctx.stop_deadline();
        let kept = end.map_or(KEPT, |end| KEPT.min(end.saturating_duration_since(Instant::now()) / 4));
        let (cut, last) = (end.map(|end| end - kept), end.map(|end| end - kept / 4));
        self.bench.stop(false);
        let mut was_cut = false;
        loop {
            if self.bench.over() > 0 {
                tokio::select! {
                    () = self.last_turn() => continue,
                    () = until(last) => {}
                }
                let jobs = self.bench.over() + self.ended.len();
                warn!(queue = self.bench.queue(), jobs, "the store does not answer: jobs go back later");
                return;
            }
            if self.bench.busy() == 0 {
                // What became of the last claim may not be known.
                self.is_done = self.away.is_none() && !self.bench.is_in_doubt();
                return;
            }
            tokio::select! {
                () = self.bench.until_turn() => {}
                () = until(cut), if !was_cut => {
                    was_cut = true;
                    info!(queue = self.bench.queue(), jobs = self.bench.busy(), "jobs go back, as there is no more time");
                    self.bench.stop(true);
                }
            }
        }
    }
}

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        self.suspect = None;
        self.give_up_suspect();
        if !self.is_done {
            // The slots may go on for a while: what they have is given back when it is over.
            self.bench.put_back(&mut self.ended);
            self.bench.stop(true);
            self.bench.close();
            self.store.shared.wakes.leave(self.bench);
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
