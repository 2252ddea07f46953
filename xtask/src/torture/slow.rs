//! 2,000 clients that are slow, and 200 that take every descriptor: the others are served as before, and nothing is left.
//!
//! A third of the slow ones send a head byte by byte, a third a body, a third take nothing of a long answer. In windows by
//! turns, without them and among them, 16 clients measure how long an answer takes (`idle_p99`, `loaded_p99`; `ratio` is
//! the median of their quotients, and ought to be 2 at most on a quiet machine), and what each slow one costs (`memory`).
//! With low limits all of them are cut: `cut_head` and `cut_body` say when the last one was. Then 200 clients take the 64
//! descriptors of a server: `refilled` says how soon it serves others once they leave. The rest has to be zero: requests of
//! the 16 that `failed`, slow clients that were still connected when their limit was over (`overdue`),
//! descriptors that were not given back (`leaked`), requests that were not answered when there were no descriptors
//! (`starved`), and answers that took longer than 1 s after that (`late`).
#![expect(clippy::disallowed_types, reason = "no test pauses the time that other processes take")]

mod crowd;
mod descriptors;
mod healthy;
mod subject;

use std::{
    fmt,
    time::{Duration, Instant},
};

use self::{
    crowd::{Crowd, Cut},
    healthy::{Healthy, Window},
    subject::Subject,
};
use super::Limits;
use crate::{
    failure::{Failure, Result},
    process::{cargo, run as run_command},
};

/// How many clients are slow.
const CROWD: usize = 2_000;
/// How long a window is, and how much time is kept for what comes after the windows.
const WINDOW: Duration = Duration::from_secs(1);
const KEPT: Duration = Duration::from_secs(16);
/// Limits that cut the slow clients.
const LOW: &str = r#"{"listen": "127.0.0.1:0", "header_timeout": "2s", "write_timeout": "2s", "body_rate": 4096}"#;
/// How long each may last with them: a body has five seconds before its rate counts. The turn of a client comes each
/// second, and a machine that has other work, too, may need another.
const LIMITS: Cut = Cut { head: Duration::from_secs(2 + 2), body: Duration::from_secs(5 + 2) };
/// The buffers of the system have to be full before a client takes nothing, which are GiB for all of them.
const ANSWER: Duration = Duration::from_secs(2 + 4);
/// Descriptors are given back within this.
const SOON: Duration = Duration::from_secs(5);

pub(super) fn run(Limits { time, seed, .. }: Limits) -> Result {
    run_command(&mut cargo(["build", "--package", "misc-http", "--features", "axum", "--example", "http_subject"]))?;
    // Each has a descriptor on both sides.
    let crowd = subject::descriptors_for(CROWD)?;
    println!("torture slow: {} s, {crowd} slow clients", time.as_secs());
    let (mut counts, start) = (Counts::default(), Instant::now());
    counts.compare(crowd, start + time.saturating_sub(KEPT))?;
    counts.cut(crowd)?;
    counts.exhaust()?;
    println!("torture slow seed={seed} crowd={crowd} {counts} seconds={}", start.elapsed().as_secs());
    counts.verdict()
}

#[derive(Debug, Default)]
struct Counts {
    idle: Vec<Window>,
    loaded: Vec<Window>,
    /// Of the server, for each slow client.
    memory: Vec<u64>,
    cut: Cut,
    refilled: Duration,
    answered: usize,
    failed: usize,
    overdue: usize,
    leaked: usize,
    starved: usize,
    late: usize,
}

impl Counts {
    /// Measures windows without the crowd and with it, by turns.
    fn compare(&mut self, crowd: usize, until: Instant) -> Result {
        let subject = Subject::start(subject::DEFAULT, None)?;
        let mut healthy = Healthy::connect(&subject.address)?;
        // The first connections, and the first allocations, are nobody's.
        self.add(&healthy.measure(WINDOW / 4, |_| {}));
        loop {
            let (descriptors, memory) = (subject.descriptors(), subject.memory());
            let idle = healthy.measure(WINDOW, |_| {});
            let mut slow = Crowd::connect(&subject.address, crowd)?;
            // Until every head and body has begun, and every answer is stuck.
            self.add(&healthy.measure(WINDOW, |time| slow.go_on(time)));
            let loaded = healthy.measure(WINDOW, |time| slow.go_on(time));
            self.memory.push(subject.memory().saturating_sub(memory) / crowd.max(1) as u64);
            drop(slow);
            self.leaked += subject.above(descriptors, SOON);
            self.add(&idle);
            self.add(&loaded);
            self.idle.push(idle);
            self.loaded.push(loaded);
            if Instant::now() > until {
                return Ok(());
            }
        }
    }

    /// Sees how soon low limits cut the crowd.
    fn cut(&mut self, crowd: usize) -> Result {
        let subject = Subject::start(LOW, None)?;
        let mut healthy = Healthy::connect(&subject.address)?;
        self.add(&healthy.measure(WINDOW / 4, |_| {}));
        let descriptors = subject.descriptors();
        let mut slow = Crowd::connect(&subject.address, crowd)?;
        self.add(&healthy.measure(ANSWER, |time| slow.go_on(time)));
        // Its end waits behind what a client does not take, so the server has to say that it is gone.
        let others = subject.above(descriptors + slow.bodies(), Duration::ZERO);
        self.add(&healthy.measure(LIMITS.body.saturating_sub(ANSWER), |time| slow.go_on(time)));
        self.leaked += subject.above(descriptors, SOON);
        let (cut, overdue) = slow.end(LIMITS);
        (self.cut, self.overdue) = (cut, self.overdue + others.max(overdue));
        Ok(())
    }

    /// Takes all descriptors of a server, and gives them back.
    fn exhaust(&mut self) -> Result {
        let subject = Subject::start(subject::DEFAULT, Some(descriptors::FEW))?;
        let exhausted = descriptors::exhaust(&subject)?;
        self.answered += exhausted.answered;
        self.starved += exhausted.starved;
        self.late += exhausted.late;
        self.refilled = exhausted.refilled;
        Ok(())
    }

    fn add(&mut self, window: &Window) {
        self.answered += window.answered();
        self.failed += window.failed;
    }

    fn verdict(&self) -> Result {
        let Self { failed, overdue, leaked, starved, late, .. } = self;
        if [failed, overdue, leaked, starved, late].into_iter().all(|count| *count == 0) {
            return Ok(());
        }
        Err(Failure::check("slow clients were not without a loss: see above"))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { idle, loaded, memory, cut, refilled, answered, failed, overdue, leaked, starved, late } = self;
        let medians = |windows: &[Window], percent| median(windows.iter().map(|window| window.percentile(percent)));
        for percent in [50, 99] {
            let [idle, loaded] = [idle, loaded].map(|windows| medians(windows, percent).unwrap_or_default());
            write!(f, "idle_p{percent}={idle:.1?} loaded_p{percent}={loaded:.1?} ")?;
        }
        let ratio = |(idle, loaded): (&Window, &Window)| {
            let [idle, loaded] = [idle, loaded].map(|window| window.percentile(99).as_micros());
            100 * loaded / idle.max(1)
        };
        let ratio = median(idle.iter().zip(loaded).map(ratio)).unwrap_or_default();
        // What was allocated once is used again by the crowds that follow.
        let (windows, memory) = (idle.len(), memory.iter().max().copied().unwrap_or_default());
        let Cut { head, body } = cut;
        write!(f, "ratio={}.{:02} windows={windows} memory={memory}B ", ratio / 100, ratio % 100)?;
        write!(f, "cut_head={head:.1?} cut_body={body:.1?} refilled={refilled:.1?} ")?;
        write!(f, "answered={answered} failed={failed} overdue={overdue} leaked={leaked} starved={starved} late={late}")
    }
}

/// The value in the middle, or the higher one of two.
fn median<T: Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| values.swap_remove(middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3, 1, 2].into_iter()), Some(2));
        assert_eq!(median([4, 1, 2, 3].into_iter()), Some(3));
        assert_eq!(median(std::iter::empty::<u32>()), None);
    }
}
