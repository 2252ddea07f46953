//! What one would write by hand: a heap in one task, or a task that sleeps for each job.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::Notify,
    task::JoinSet,
    time::{Instant, interval_at, sleep_until},
};

use super::{
    contender::Armed,
    log::{Log, When},
};

pub(super) fn arm(log: &Arc<Log>) -> Armed {
    let heap = Arc::new(Heap::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&heap).run());
    let start = Instant::now();
    for job in (0..).take(log.jobs()) {
        let (due, period) = match log.when(job) {
            When::At(instant, _) => (instant, None),
            When::Every(period) => (Instant::now() + period, Some(period)),
        };
        let log = Arc::clone(log);
        let work: Box<Work> = Box::new(move || {
            let log = Arc::clone(&log);
            Box::pin(async move { log.begin(job) })
        });
        heap.add(Item { due, period, work });
    }
    Armed::since(start, tasks)
}

/// Spawns a task for each job.
pub(super) fn arm_tasks(log: &Arc<Log>) -> Armed {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for job in (0..).take(log.jobs()) {
        let (when, log) = (log.when(job), Arc::clone(log));
        tasks.spawn(async move {
            match when {
                When::At(instant, _) => {
                    sleep_until(instant).await;
                    log.begin(job);
                }
                When::Every(period) => {
                    let mut ticks = interval_at(Instant::now() + period, period);
                    loop {
                        ticks.tick().await;
                        log.begin(job);
                    }
                }
            }
        });
    }
    Armed::since(start, tasks)
}

type Work = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send;

struct Item {
    due: Instant,
    period: Option<Duration>,
    work: Box<Work>,
}

#[derive(Default)]
struct Heap {
    items: Mutex<BinaryHeap<Reverse<Item>>>,
    sooner: Notify,
}

impl Heap {
    fn add(&self, item: Item) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if items.peek().is_none_or(|Reverse(first)| item.due < first.due) {
            self.sooner.notify_one();
        }
        items.push(Reverse(item));
    }

    async fn run(self: Arc<Self>) {
        loop {
            let next = self.spawn_due();
            tokio::select! {
                () = self.sooner.notified() => {}
                () = async { sleep_until(next.unwrap_or_else(far)).await } => {}
            }
        }
    }

    /// Spawns what is due; returns when the next one is.
    fn spawn_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(Reverse(first)) = items.peek() {
            if first.due > now {
                return Some(first.due);
            }
            let Some(Reverse(mut item)) = items.pop() else { break };
            Handle::current().spawn((item.work)());
            if let Some(period) = item.period {
                item.due += period;
                items.push(Reverse(item));
            }
        }
        None
    }
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Item {}
