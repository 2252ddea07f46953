//! A batch: who is in it, and how far it is.

use std::{future::Future, mem, pin::Pin, sync::Mutex, task::Waker};

use tokio::sync::Notify;

use super::error::{BatchError, Why};

/// Calls that are made together.
pub(super) struct Batch<I, T, E> {
    pub(super) state: Mutex<State<I, T, E>>,
    pub(super) full: Notify,
}

pub(super) struct State<I, T, E> {
    pub(super) members: Vec<Member<I, T>>,
    /// How many of them have not been dropped.
    pub(super) left: usize,
    /// How many have come.
    came: u64,
    /// The places of those that were dropped before the batch was made.
    free: Vec<usize>,
    /// The places of those whose items were taken, in the order of the items.
    pub(super) taken: Vec<usize>,
    pub(super) stage: Stage<T, E>,
    /// Who has polled the batch last, and is woken when it can go on; `None` once that one is dropped.
    pub(super) driver: Option<usize>,
}

/// A call in a batch.
pub(super) struct Member<I, T> {
    /// How many have come before it.
    number: u64,
    pub(super) item: Option<I>,
    pub(super) result: Option<T>,
    pub(super) waker: Option<Waker>,
    pub(super) is_gone: bool,
}

pub(super) enum Stage<T, E> {
    /// Until somebody polls it.
    Waiting(Driver<T, E>),
    /// Somebody polls it at this moment.
    Polled,
    /// All have their results, or this error.
    Done(Option<BatchError<E>>),
}

pub(super) type Driver<T, E> = Pin<Box<dyn Future<Output = Result<Vec<T>, BatchError<E>>> + Send>>;

impl<I, T, E> State<I, T, E> {
    pub(super) fn new(stage: Stage<T, E>) -> Self {
        let (members, free, taken) = Default::default();
        Self { members, left: 0, came: 0, free, taken, stage, driver: None }
    }

    /// Adds a call; returns its place, and how many there are.
    pub(super) fn add(&mut self, item: I) -> (usize, usize) {
        let member = Member { number: self.came, item: Some(item), result: None, waker: None, is_gone: false };
        (self.came, self.left) = (self.came + 1, self.left + 1);
        let place = self.free.pop().unwrap_or(self.members.len());
        match self.members.get_mut(place) {
            Some(gone) => *gone = member,
            None => self.members.push(member),
        }
        (place, self.left)
    }

    /// Tells whether all of its calls were dropped, and it with them.
    pub(super) fn is_abandoned(&self) -> bool {
        self.left == 0 && !self.members.is_empty()
    }

    /// Takes the items, in the order in which they came.
    pub(super) fn take_items(&mut self) -> Vec<I> {
        let Self { members, taken, .. } = self;
        taken.extend((0..members.len()).filter(|place| members[*place].item.is_some()));
        taken.sort_unstable_by_key(|place| members[*place].number);
        taken.iter().filter_map(|place| members[*place].item.take()).collect()
    }

    /// Gives everybody a result; returns those whom nobody waits for, and whom to wake.
    pub(super) fn finish(&mut self, end: Result<Vec<T>, BatchError<E>>) -> (Vec<T>, Vec<Waker>) {
        let (results, error) = match end {
            Ok(results) if results.len() > self.taken.len() => {
                let why = Why::TooMany { items: self.taken.len(), results: results.len() };
                (results, Some(BatchError(why)))
            }
            Ok(mut results) => {
                let mut unwanted = Vec::new();
                for (place, result) in self.taken.iter().zip(results.drain(..)) {
                    let member = &mut self.members[*place];
                    if member.is_gone { unwanted.push(result) } else { member.result = Some(result) }
                }
                (unwanted, None)
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        self.stage = Stage::Done(error);
        (results, self.members.iter_mut().filter_map(|member| member.waker.take()).collect())
    }

    /// Notes that a call is dropped, and what follows from that.
    pub(super) fn leave(&mut self, place: usize) -> Left<I, T, E> {
        let gone = Member { number: 0, item: None, result: None, waker: None, is_gone: true };
        let member = mem::replace(&mut self.members[place], gone);
        self.left -= 1;
        if member.item.is_some() {
            self.free.push(place);
        }
        self.driver.take_if(|driver| *driver == place);
        let is_last = self.left == 0;
        let is_waiting = matches!(self.stage, Stage::Waiting(_));
        let batch = if is_last && is_waiting { Some(mem::replace(&mut self.stage, Stage::Polled)) } else { None };
        let is_left_alone = is_waiting && !is_last && self.driver.is_none();
        let next_driver =
            if is_left_alone { self.members.iter_mut().find_map(|member| member.waker.take()) } else { None };
        Left { is_last, next_driver, unwanted: (member, batch) }
    }
}

/// What follows from a call that is dropped.
pub(super) struct Left<I, T, E> {
    pub(super) is_last: bool,
    /// Whom to wake so that the batch goes on, if it was the one who polled it.
    pub(super) next_driver: Option<Waker>,
    /// What is to be dropped when the lock is not held: what the call had, and the batch if it was the last.
    pub(super) unwanted: (Member<I, T>, Option<Stage<T, E>>),
}
