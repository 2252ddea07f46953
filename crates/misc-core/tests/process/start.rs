//! SIGTERM at any moment of the start: whatever was opened by then is closed, in order, and the code is 0.

use std::{collections::BTreeSet, fs, time::Duration};

use rustix::process::{Pid, Signal};
use tokio::{task::JoinSet, time::sleep};

use crate::subject::{Ended, SOON, Subject};

/// How many processes are signalled, and how many of them run at a time.
const INSTANTS: usize = 300;
const AT_A_TIME: usize = 8;
/// A little longer than the start takes, so that some are ready.
const START: Duration = Duration::from_millis(50);

/// What is opened during the start, in the order in which it is to be closed.
const CLOSED: &[&str] = &["last", "in", "pool", "right", "left", "first", "cache", "db"];

#[tokio::test]
async fn sigterm_at_any_instant_of_the_start_exits_0() {
    let seed = std::env::var("MISC_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(random_seed);
    let mut random = Random(seed);
    let mut delays: Vec<_> = (0..INSTANTS).map(|_| START.mul_f64(random.fraction())).collect();
    let (mut running, mut opened) = (JoinSet::new(), BTreeSet::new());
    while !delays.is_empty() || !running.is_empty() {
        while let Some(delay) = (running.len() < AT_A_TIME).then(|| delays.pop()).flatten() {
            running.spawn(async move { (delay, stopped_after(delay).await) });
        }
        let (delay, ended) = running.join_next().await.expect("one is running").expect("one has ended");
        let told = problem(&ended).map(|problem| format!("{problem}, {delay:?} after it began; MISC_SEED={seed}"));
        assert_eq!(told, None, "{ended:#?}");
        opened.insert(opened_in(&ended).len());
    }
    // Those instants were different ones: all stages of the start were met, or nearly.
    assert!(opened.len() >= CLOSED.len() / 2, "always {opened:?} were open: `START` does not fit; MISC_SEED={seed}");
}

async fn stopped_after(delay: Duration) -> Ended {
    let subject = Subject::start("busy-start");
    // The kernel tells nobody when a handler is installed, so it is asked again and again.
    while !catches_sigterm(subject.pid()) {
        sleep(Duration::from_millis(1)).await;
    }
    // The instant is what is tested: a line to wait for would make it always the same.
    sleep(delay).await;
    subject.end_by(Signal::TERM).await
}

/// Tells whether the process has a handler for SIGTERM, from the mask of such signals in its status.
fn catches_sigterm(process: Pid) -> bool {
    let path = format!("/proc/{}/status", process.as_raw_nonzero());
    let status = fs::read_to_string(path).expect("it has not ended yet");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).expect("a mask");
    mask & (1 << (Signal::TERM.as_raw() - 1)) != 0
}

fn problem(ended: &Ended) -> Option<&'static str> {
    let closed: Vec<_> = ended.out.iter().filter_map(|line| line.strip_prefix("close ")).collect();
    let opened = opened_in(ended);
    let mut expected: Vec<_> = CLOSED.iter().copied().filter(|name| opened.contains(name)).collect();
    let in_order = closed == expected || {
        // The two branches stop together.
        swap(&mut expected, "left", "right");
        closed == expected
    };
    if ended.code != Some(0) {
        Some("the exit code is not 0")
    } else if !ended.err.is_empty() {
        Some("it has something to report")
    } else if !in_order {
        Some("it did not close what was open, in order")
    } else if ended.out.last().is_some_and(|last| last != "kept dropped") {
        Some("the kept value was not dropped last")
    } else if ended.took > SOON {
        Some("it took long")
    } else {
        None
    }
}

fn opened_in(ended: &Ended) -> Vec<&str> {
    ended.out.iter().filter_map(|line| line.strip_prefix("open ")).collect()
}

fn swap(names: &mut [&str], one: &str, other: &str) {
    let at = |name| names.iter().position(|known| *known == name);
    if let (Some(one), Some(other)) = (at(one), at(other)) {
        names.swap(one, other);
    }
}

/// Numbers that look random and can be had again (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to 1.
    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).expect("32 bits")) / f64::from(u32::MAX)
    }
}

fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
