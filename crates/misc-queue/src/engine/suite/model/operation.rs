//! What is done to both: random operations.

use proptest::prelude::*;

use super::{super::*, QUEUES, SESSIONS};
use crate::{engine::Key, options::Release, status::Reason};

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Push(Vec<New>),
    Turn { session: usize, ended: Vec<(usize, End)>, queue: usize, jobs: usize, suspect: bool },
    Leave { session: usize },
    Crash { session: usize },
    Retry(Chosen),
    Cancel(Chosen),
    Purge(Chosen),
    Pause { queue: usize, paused: bool },
}

#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) queue: usize,
    pub(super) priority: i16,
    pub(super) is_later: bool,
    pub(super) key: Option<(u8, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    Completed,
    Failed { later: bool },
    Dead,
    Cancelled,
    Returned,
    Postponed { later: bool },
}

/// Which jobs, among those in states that the operation takes.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) queue: Option<usize>,
    pub(super) state: usize,
    pub(super) limit: u64,
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let new =
        (0..QUEUES.len(), -1..=1_i16, prop::bool::weighted(0.2), prop::option::weighted(0.4, (0..3_u8, any::<bool>())))
            .prop_map(|(queue, priority, is_later, key)| New { queue, priority, is_later, key });
    let end = prop_oneof![
        Just(End::Completed),
        any::<bool>().prop_map(|later| End::Failed { later }),
        Just(End::Dead),
        Just(End::Cancelled),
        Just(End::Returned),
        any::<bool>().prop_map(|later| End::Postponed { later }),
    ];
    let turn = (
        0..SESSIONS,
        prop::collection::vec((0..40_usize, end), 0..6),
        0..QUEUES.len(),
        0..5_usize,
        prop::bool::weighted(0.8),
    )
        .prop_map(|(session, ended, queue, jobs, suspect)| Operation::Turn {
            session,
            ended,
            queue,
            jobs,
            suspect,
        });
    let chosen = || {
        (prop::option::of(0..QUEUES.len()), 0..8_usize, prop_oneof![1..4_u64, Just(u64::MAX)])
            .prop_map(|(queue, state, limit)| Chosen { queue, state, limit })
    };
    prop_oneof![
        8 => prop::collection::vec(new, 0..6).prop_map(Operation::Push),
        16 => turn,
        1 => (0..SESSIONS).prop_map(|session| Operation::Leave { session }),
        3 => (0..SESSIONS).prop_map(|session| Operation::Crash { session }),
        4 => chosen().prop_map(Operation::Retry),
        2 => chosen().prop_map(Operation::Cancel),
        2 => chosen().prop_map(Operation::Purge),
        2 => (0..QUEUES.len(), any::<bool>()).prop_map(|(queue, paused)| Operation::Pause { queue, paused }),
    ]
}

impl New {
    pub(super) fn job(&self) -> NewJob {
        let unique = self.key.map(|(key, until_started)| Key {
            key: format!("*/{key}"),
            release: if until_started { Release::Started } else { Release::Done },
        });
        let when = if self.is_later { When::In(HOUR) } else { When::Now };
        NewJob { priority: self.priority, when, unique, ..new_job(QUEUES[self.queue]) }
    }
}

impl End {
    pub(super) fn ending(self) -> Ending {
        let after = |later| if later { HOUR } else { Duration::ZERO };
        match self {
            Self::Completed => Ending::Completed,
            Self::Failed { later } => failed(after(later)),
            Self::Dead => Ending::Dead { reason: Reason::Exhausted, error: "enough".to_owned() },
            Self::Cancelled => Ending::Cancelled { reason: Reason::Cancelled },
            Self::Returned => Ending::Returned,
            Self::Postponed { later } => Ending::Postponed { by: after(later) },
        }
    }
}
