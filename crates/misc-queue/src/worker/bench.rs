//! Where a worker puts what it has claimed, and its slots what is over.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    engine::{Claimed, Ended, Ending, Session},
    status::{JobId, Reason},
};

/// Jobs of a worker between claim and end.
pub(crate) struct Bench {
    queue: Arc<str>,
    /// Whether there may be jobs that were not there at the last claim.
    hungry: AtomicBool,
    /// Tells the worker that there is something to do.
    turn: Notify,
    /// Tells a slot that there is a job.
    work: Notify,
    /// Tells each slot that its job shall end.
    cuts: Box<[Notify]>,
    inner: Mutex<Inner>,
}

struct Inner {
    ready: VecDeque<Order>,
    running: Box<[Option<Running>]>,
    ended: Vec<(Session, Ended)>,
    /// Whether a slot was told of a job and has not taken one since.
    is_waking: bool,
    /// Whether nothing is begun any more.
    is_stopping: bool,
    is_closed: bool,
    /// Until when the store may still make a claim that it has not answered.
    doubt: Option<Instant>,
}

/// A claimed job, and the session that has claimed it.
pub(crate) struct Order {
    pub(crate) claimed: Claimed,
    pub(crate) session: Session,
    claimed_at: Instant,
}

struct Running {
    id: JobId,
    session: Session,
    cut: Option<Cut>,
}

/// Why a job shall end before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Somebody has cancelled it.
    Cancel,
    /// The worker has no more time.
    Stop,
}

impl Cut {
    fn ending(self) -> Ending {
        match self {
            Self::Cancel => Ending::Cancelled { reason: Reason::Cancelled },
            Self::Stop => Ending::Returned,
        }
    }
}

impl Inner {
    /// Gives back what has not begun.
    fn give_back(&mut self) {
        let back = |order: Order| (order.session, Ended { id: order.claimed.id, ending: Ending::Returned });
        self.ended.extend(self.ready.drain(..).map(back));
    }
}

impl Bench {
    pub(crate) fn new(queue: Arc<str>, slots: usize) -> Self {
        Self {
            queue,
            hungry: AtomicBool::new(true),
            turn: Notify::new(),
            work: Notify::new(),
            cuts: (0..slots).map(|_| Notify::new()).collect(),
            inner: Mutex::new(Inner {
                ready: VecDeque::with_capacity(slots),
                running: (0..slots).map(|_| None).collect(),
                ended: Vec::with_capacity(slots),
                is_waking: false,
                is_stopping: false,
                is_closed: false,
                doubt: None,
            }),
        }
    }

    pub(crate) fn queue(&self) -> &str {
        &self.queue
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the worker that there may be jobs.
    pub(crate) fn wake(&self) {
        self.hungry.store(true, Ordering::Relaxed);
        self.turn.notify_one();
    }

    /// Returns whether there may be jobs; from then on there are none until somebody tells of them.
    pub(super) fn take_hunger(&self) -> bool {
        self.hungry.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed)
    }

    /// Waits until there may be jobs, or some are over.
    pub(super) async fn until_turn(&self) {
        self.turn.notified().await;
    }

    /// Returns how many jobs are claimed and not over.
    pub(super) fn busy(&self) -> usize {
        let inner = self.lock();
        inner.ready.len() + inner.running.iter().flatten().count()
    }

    /// Returns when the job was claimed that is the next one to get a slot.
    pub(super) fn ready_since(&self) -> Option<Instant> {
        self.lock().ready.front().map(|order| order.claimed_at)
    }

    /// Returns whether nothing is left of its jobs.
    pub(crate) fn is_empty(&self) -> bool {
        let inner = self.lock();
        inner.ready.is_empty() && inner.ended.is_empty() && inner.running.iter().all(Option::is_none)
    }

    /// Remembers that a claim is not answered, which may be made until then; returns what was remembered before.
    pub(super) fn doubt(&self, until: Option<Instant>) -> Option<Instant> {
        std::mem::replace(&mut self.lock().doubt, until)
    }

    /// Returns whether there may be jobs of a claim that was not answered.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.lock().doubt.is_some_and(|until| Instant::now() < until)
    }

    /// Returns how many jobs are over, and the store is to be told.
    pub(super) fn over(&self) -> usize {
        self.lock().ended.len()
    }

    /// Takes back what the store could not be told.
    pub(crate) fn put_back(&self, ended: &mut Vec<(Session, Ended)>) {
        self.lock().ended.append(ended);
    }

    /// Takes a job that was claimed and is not to be begun.
    pub(crate) fn give_back(&self, session: Session, job: JobId) {
        self.lock().ended.push((session, Ended { id: job, ending: Ending::Returned }));
    }

    /// Moves what is over to the end of `ended`.
    pub(crate) fn take_ended(&self, ended: &mut Vec<(Session, Ended)>) {
        ended.append(&mut self.lock().ended);
    }

    /// Returns whether a job is here, claimed by that session and not yet said to be over.
    pub(crate) fn has(&self, id: JobId, session: Session) -> bool {
        let inner = self.lock();
        let mut running = inner.running.iter().flatten().map(|job| (job.session, job.id));
        let ready = inner.ready.iter().map(|order| (order.session, order.claimed.id));
        let ended = inner.ended.iter().map(|(session, ended)| (*session, ended.id));
        running.any(|job| job == (session, id)) || ready.chain(ended).any(|job| job == (session, id))
    }

    /// Adds claimed jobs, for the slots to take.
    pub(super) fn add(&self, session: Session, claimed: Vec<Claimed>) {
        let claimed_at = Instant::now();
        let mut inner = self.lock();
        inner.ready.extend(claimed.into_iter().map(|claimed| Order { claimed, session, claimed_at }));
        if inner.is_stopping {
            inner.give_back();
        }
        self.wake_slot(inner);
    }

    /// Tells one slot of a job, if there is one and no other slot is on its way: that one tells the next.
    fn wake_slot(&self, mut inner: MutexGuard<'_, Inner>) {
        if !inner.ready.is_empty() && !std::mem::replace(&mut inner.is_waking, true) {
            drop(inner);
            self.work.notify_one();
        }
    }

    /// Gives a slot its next job, which it waits for; `None` when there are no more.
    pub(super) async fn next(&self, slot: usize, mut ending: Option<Ending>) -> Option<Order> {
        loop {
            let mut told = std::pin::pin!(self.work.notified());
            {
                let mut inner = self.lock();
                if let Some(ending) = ending.take()
                    && let Some(job) = inner.running[slot].take()
                {
                    inner.ended.push((job.session, Ended { id: job.id, ending }));
                    self.turn.notify_one();
                }
                inner.is_waking = false;
                if let Some(order) = inner.ready.pop_front() {
                    let (id, session) = (order.claimed.id, order.session);
                    inner.running[slot] = Some(Running { id, session, cut: None });
                    self.wake_slot(inner);
                    return Some(order);
                }
                if inner.is_closed {
                    return None;
                }
                told.as_mut().enable();
            }
            told.await;
        }
    }

    /// Waits until the job of a slot shall end before it is done; returns how it ends.
    pub(super) async fn until_cut(&self, slot: usize) -> Ending {
        loop {
            self.cuts[slot].notified().await;
            // What was told may be about the job before.
            if let Some(cut) = self.lock().running[slot].as_ref().and_then(|job| job.cut) {
                return cut.ending();
            }
        }
    }

    /// Cancels those of the jobs that are here.
    pub(crate) fn cancel(&self, jobs: &[JobId]) {
        self.cut(Cut::Cancel, |id| jobs.contains(&id));
    }

    /// Takes back what has not begun.
    pub(super) fn give_back_ready(&self) {
        self.lock().give_back();
    }

    /// Takes all jobs back: those that have not begun at once, the others if `running` says so.
    pub(super) fn stop(&self, running: bool) {
        if running {
            self.cut(Cut::Stop, |_| true);
        }
        let mut inner = self.lock();
        inner.is_stopping = true;
        inner.give_back();
    }

    /// Takes back the job of a slot that was dropped in the middle of it.
    pub(super) fn left(&self, slot: usize) {
        let mut inner = self.lock();
        if let Some(job) = inner.running[slot].take() {
            inner.ended.push((job.session, Ended { id: job.id, ending: Ending::Returned }));
            self.turn.notify_one();
        }
    }

    fn cut(&self, cut: Cut, is_meant: impl Fn(JobId) -> bool) {
        let mut inner = self.lock();
        let Inner { ready, running, ended, .. } = &mut *inner;
        for (slot, job) in running.iter_mut().enumerate() {
            if let Some(job) = job.as_mut().filter(|job| is_meant(job.id) && job.cut.is_none()) {
                job.cut = Some(cut);
                self.cuts[slot].notify_one();
            }
        }
        ready.retain(|order| {
            let is_meant = is_meant(order.claimed.id);
            if is_meant {
                ended.push((order.session, Ended { id: order.claimed.id, ending: cut.ending() }));
            }
            !is_meant
        });
        self.turn.notify_one();
    }

    /// Lets the slots end once there is nothing left for them.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.work.notify_waiters();
    }
}
