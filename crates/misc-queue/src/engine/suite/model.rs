//! Random operations, on an engine and on the simplest thing that does the same.

mod operation;

use std::collections::BTreeMap;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config as ProptestConfig, TestRunner},
};

use self::operation::{Chosen, End, New, Operation, operation};
use super::*;
use crate::status::Reason;

const CASES: usize = 24;
const QUEUES: [&str; 2] = ["mail", "sms"];
const SESSIONS: usize = 3;

/// Compares an engine with the model; shows the fewest operations after which they differ.
pub(crate) async fn check<P: Place>(place: impl Fn() -> P) {
    if !place().is_there() {
        return;
    }
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let operations = prop::collection::vec(operation(), 1..40);
    for _ in 0..CASES {
        let mut tree = operations.new_tree(&mut runner).unwrap();
        let Err(mut why) = compare(place(), &tree.current()).await else { continue };
        let (mut smallest, mut differs) = (tree.current(), true);
        for _ in 0..300 {
            if !(if differs { tree.simplify() } else { tree.complicate() }) {
                break;
            }
            let outcome = compare(place(), &tree.current()).await;
            differs = outcome.is_err();
            if let Err(error) = outcome {
                (why, smallest) = (error, tree.current());
            }
        }
        panic!("{why}\nafter {smallest:#?}");
    }
}

async fn compare<P: Place>(place: P, operations: &[Operation]) -> Result<(), String> {
    let outcome = async {
        let engine = open(&place).await;
        let mut model = Model::default();
        for _ in 0..SESSIONS {
            model.sessions.push(engine.enter(LEASE).await.unwrap());
        }
        for (number, operation) in operations.iter().enumerate() {
            let done = model.apply(&place, &*engine, operation).await;
            let same = async { done.and(model.compare(&*engine).await) }.await;
            same.map_err(|why| format!("operation {number}: {why}"))?;
        }
        engine.close().await;
        Ok(())
    };
    let outcome = outcome.await;
    place.remove().await;
    outcome
}

#[derive(Default)]
struct Model {
    jobs: BTreeMap<JobId, Job>,
    /// All that there ever was, by when it was pushed.
    all: Vec<JobId>,
    paused: [bool; QUEUES.len()],
    sessions: Vec<Session>,
}

#[derive(Debug, Clone)]
struct Job {
    queue: usize,
    state: State,
    priority: i16,
    attempt: u32,
    crashes: u32,
    reason: Option<Reason>,
    key: Option<(u8, bool)>,
    session: Option<Session>,
}

impl Job {
    fn has_key_of(&self, new: &New) -> bool {
        new.key.is_some_and(|(key, _)| self.key.is_some_and(|(held, _)| held == key))
    }

    fn leave(&mut self, state: State) {
        self.session = None;
        self.state = state;
        if state.is_final() {
            self.key = None;
        }
    }

    fn end(&mut self, end: End) {
        let at = |later, then| if later { then } else { State::Available };
        match end {
            End::Completed => self.leave(State::Completed),
            End::Failed { later } => self.leave(at(later, State::Retryable)),
            End::Dead => self.leave(State::Dead),
            End::Cancelled => self.leave(State::Cancelled),
            End::Returned => self.leave(State::Available),
            End::Postponed { later } => self.leave(at(later, State::Scheduled)),
        }
        match end {
            End::Dead => self.reason = Some(Reason::Exhausted),
            End::Cancelled => self.reason = Some(Reason::Cancelled),
            End::Returned | End::Postponed { .. } => self.attempt -= 1,
            End::Completed | End::Failed { .. } => {}
        }
    }
}

impl Model {
    async fn apply(&mut self, place: &dyn Place, engine: &dyn Engine, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::Push(new) => self.push(engine, new).await,
            Operation::Turn { session, ended, queue, jobs, suspect } => {
                let claim = Claim { queue: QUEUES[*queue].into(), jobs: *jobs, suspect: *suspect };
                self.turn(engine, self.sessions[*session], ended, *queue, claim).await
            }
            Operation::Leave { session } => {
                engine.leave(self.sessions[*session]).await.unwrap();
                for job in self.held(*session) {
                    job.end(End::Returned);
                }
                self.enter(engine, *session).await
            }
            Operation::Crash { session } => {
                assert!(engine.beat(self.sessions[*session], Duration::from_millis(1)).await.unwrap().is_some());
                place.pass(Duration::from_millis(3)).await;
                self.crash(engine, *session).await
            }
            Operation::Retry(chosen) => {
                let states = [State::Dead, State::Cancelled, State::Scheduled, State::Retryable];
                let (selection, chosen) = self.choose(chosen, &states);
                let done = engine.retry(&selection).await.unwrap();
                for job in &chosen {
                    let job = self.jobs.get_mut(job).unwrap();
                    if job.state.is_final() {
                        (job.attempt, job.crashes, job.reason) = (0, 0, None);
                    }
                    job.leave(State::Available);
                }
                same("how many are retried", done, chosen.len() as u64)
            }
            Operation::Cancel(chosen) => {
                let (selection, chosen) = self.choose(chosen, &[State::Scheduled, State::Available, State::Retryable]);
                let done = engine.cancel(&selection).await.unwrap();
                for job in &chosen {
                    let job = self.jobs.get_mut(job).unwrap();
                    job.reason = Some(Reason::Cancelled);
                    job.leave(State::Cancelled);
                }
                same("how many are cancelled", done, chosen.len() as u64)
            }
            Operation::Purge(chosen) => {
                let states: Vec<_> = State::ALL.into_iter().filter(|&state| state != State::Running).collect();
                let (selection, chosen) = self.choose(chosen, &states);
                let done = engine.purge(&selection).await.unwrap();
                self.jobs.retain(|id, _| !chosen.contains(id));
                same("how many are purged", done, chosen.len() as u64)
            }
            Operation::Pause { queue, paused } => {
                let has_changed = engine.pause(QUEUES[*queue], *paused).await.unwrap();
                let before = std::mem::replace(&mut self.paused[*queue], *paused);
                same("whether it was not so already", has_changed, before != *paused)
            }
        }
    }

    async fn push(&mut self, engine: &dyn Engine, new: &[New]) -> Result<(), String> {
        let jobs: Vec<_> = new.iter().map(New::job).collect();
        let pushed = engine.push(&jobs).await.unwrap();
        same("how many were pushed", pushed.len(), new.len())?;
        for (new, pushed) in new.iter().zip(pushed) {
            let holder = self.jobs.iter().find(|(_, job)| job.has_key_of(new)).map(|(&id, _)| id);
            if let Some(holder) = holder {
                same("the holder of a key", (pushed.id, pushed.is_duplicate), (holder, true))?;
                continue;
            }
            same("whether it is a duplicate", pushed.is_duplicate, false)?;
            same("whether the id is a new one", self.all.last().is_none_or(|&last| last < pushed.id), true)?;
            self.all.push(pushed.id);
            let state = if new.is_later { State::Scheduled } else { State::Available };
            let New { queue, priority, key, .. } = *new;
            let (attempt, crashes, reason, session) = (0, 0, None, None);
            self.jobs.insert(pushed.id, Job { queue, state, priority, attempt, crashes, reason, key, session });
        }
        Ok(())
    }

    async fn turn(
        &mut self,
        engine: &dyn Engine,
        session: Session,
        ended: &[(usize, End)],
        queue: usize,
        claim: Claim,
    ) -> Result<(), String> {
        let ended: BTreeMap<_, _> =
            ended.iter().filter_map(|&(number, end)| Some((*self.all.get(number)?, end))).collect();
        // Whether a turn claims what it gives back itself is left open.
        let gives_back =
            |end: &End| matches!(end, End::Returned | End::Failed { later: false } | End::Postponed { later: false });
        let claim = (!ended.values().any(gives_back)).then_some(claim);
        let endings: Vec<_> = ended.iter().map(|(&id, end)| Ended { id, ending: end.ending() }).collect();
        let turned = engine.turn(session, &endings, claim.as_ref()).await.unwrap();

        let mut lost = Vec::new();
        for (&id, &end) in &ended {
            match self.jobs.get_mut(&id).filter(|job| job.session == Some(session)) {
                Some(job) => job.end(end),
                None => lost.push(id),
            }
        }
        let mut told = turned.lost.clone();
        told.sort();
        same("what is lost", told, lost)?;
        match claim {
            Some(claim) => self.claim(session, queue, &claim, &turned),
            None => same("what is claimed without a claim", turned.claimed.len(), 0),
        }
    }

    /// With a suspect, there may be one more of the others or that; else there is no choice.
    fn claim(&mut self, session: Session, queue: usize, claim: &Claim, turned: &Turned) -> Result<(), String> {
        let claimed = ids(&turned.claimed);
        let (suspects, others): (Vec<_>, Vec<_>) =
            self.available(queue).into_iter().partition(|id| self.jobs[id].crashes > 0);
        let suspect = suspects.first().filter(|_| claim.suspect).copied();
        let all = claim.jobs.min(others.len() + usize::from(suspect.is_some()));
        same("how many are claimed", claimed.len(), all)?;
        let is_suspect = |id: &&JobId| Some(**id) == suspect;
        let suspects = claimed.iter().filter(is_suspect).count();
        same("how many suspects are claimed", suspects <= 1, true)?;
        let rest: Vec<_> = claimed.iter().filter(|id| !is_suspect(id)).copied().collect();
        same("what is claimed", &rest[..], &others[..all - suspects])?;
        let waits = |job: &Job| job.queue == queue && matches!(job.state, State::Scheduled | State::Retryable);
        if !self.paused[queue] {
            let is_due = claimed.len() < claim.jobs && self.jobs.values().any(waits);
            same("whether one is due later", turned.next_due.is_some(), is_due)?;
        }
        for claimed in &turned.claimed {
            let job = self.jobs.get_mut(&claimed.id).unwrap();
            (job.state, job.session) = (State::Running, Some(session));
            job.attempt += 1;
            job.key = job.key.filter(|&(_, until_started)| !until_started);
            same("what is told of it", (claimed.attempt, claimed.crashes), (job.attempt, job.crashes))?;
        }
        Ok(())
    }

    fn available(&self, queue: usize) -> Vec<JobId> {
        if self.paused[queue] {
            return Vec::new();
        }
        let available = self.jobs.iter().filter(|(_, job)| job.queue == queue && job.state == State::Available);
        let mut available: Vec<_> = available.map(|(&id, _)| id).collect();
        available.sort_by_key(|id| (-self.jobs[id].priority, *id));
        available
    }

    fn held(&mut self, session: usize) -> impl Iterator<Item = &mut Job> {
        let session = self.sessions[session];
        self.jobs.values_mut().filter(move |job| job.session == Some(session))
    }

    async fn enter(&mut self, engine: &dyn Engine, session: usize) -> Result<(), String> {
        let left = std::mem::replace(&mut self.sessions[session], engine.enter(LEASE).await.unwrap());
        same("whether it is left", engine.beat(left, LEASE).await.unwrap(), None)
    }

    async fn crash(&mut self, engine: &dyn Engine, session: usize) -> Result<(), String> {
        let swept = sweep(engine, &Keep::default()).await;
        let (mut recovered, mut poisoned) = ([0; QUEUES.len()], [0; QUEUES.len()]);
        for job in self.held(session) {
            job.end(End::Returned);
            job.crashes += 1;
            if job.crashes < 3 {
                recovered[job.queue] += 1;
            } else {
                poisoned[job.queue] += 1;
                job.leave(State::Dead);
                job.reason = Some(Reason::Poison);
            }
        }
        for (number, queue) in QUEUES.iter().enumerate() {
            same("how many are recovered", sum(&swept.recovered, queue), recovered[number])?;
            same("how many are poison", sum(&swept.poisoned, queue), poisoned[number])?;
        }
        self.enter(engine, session).await
    }

    fn choose(&self, chosen: &Chosen, states: &[State]) -> (Selection, Vec<JobId>) {
        let state = states[chosen.state % states.len()];
        let is_chosen = |job: &Job| job.state == state && chosen.queue.is_none_or(|queue| queue == job.queue);
        let ids = self.jobs.iter().rev().filter(|(_, job)| is_chosen(job)).map(|(&id, _)| id);
        let mut selection = Selection::new().state(state).limit(chosen.limit);
        if let Some(queue) = chosen.queue {
            selection = selection.queue(QUEUES[queue]);
        }
        (selection, ids.take(usize::try_from(chosen.limit).unwrap_or(usize::MAX)).collect())
    }

    async fn compare(&self, engine: &dyn Engine) -> Result<(), String> {
        let there = engine.list(&Selection::new()).await.unwrap();
        let expected: Vec<_> = self.jobs.keys().rev().copied().collect();
        same("what is there", there.iter().map(|job| job.id).collect(), expected)?;
        for status in there {
            let job = &self.jobs[&status.id];
            let what = format!("job {}", status.id);
            same(&what, (status.state, status.reason, status.crashes), (job.state, job.reason, job.crashes))?;
            same(&what, (&*status.queue, status.priority), (QUEUES[job.queue], job.priority))?;
            same(&what, status.finished_at.is_some(), job.state.is_final())?;
            if job.reason != Some(Reason::Poison) {
                same(&format!("the attempts of {what}"), status.attempt, job.attempt)?;
            }
        }
        for &session in &self.sessions {
            for (number, queue) in QUEUES.iter().enumerate() {
                let mut held = ids(&engine.held(session, queue).await.unwrap());
                held.sort();
                let is_held = |job: &Job| job.session == Some(session) && job.queue == number;
                let expected = self.jobs.iter().filter(|(_, job)| is_held(job)).map(|(&id, _)| id).collect();
                same("what is held", held, expected)?;
            }
        }
        self.compare_queues(engine).await
    }

    async fn compare_queues(&self, engine: &dyn Engine) -> Result<(), String> {
        let there = engine.queues().await.unwrap();
        for (number, name) in QUEUES.iter().enumerate() {
            let count =
                |state| self.jobs.values().filter(|job| job.queue == number && job.state == state).count() as u64;
            let states = [State::Scheduled, State::Available, State::Running, State::Retryable, State::Dead];
            let expected = states.map(count);
            let Some(queue) = there.iter().find(|queue| queue.name == *name) else {
                same("a queue that is not there", (expected, self.paused[number]), ([0; 5], false))?;
                continue;
            };
            let counts = [queue.scheduled, queue.available, queue.running, queue.retryable, queue.dead];
            same("the counts", (counts, queue.is_paused), (expected, self.paused[number]))?;
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "most are made for this")]
fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: T, model: T) -> Result<(), String> {
    if engine == model { Ok(()) } else { Err(format!("{what}: the engine says {engine:?}, the model {model:?}")) }
}
