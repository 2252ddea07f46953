//! What has happened, from what the processes have written down and what the store says.
//!
//! The counts are those of Jepsen's queue checkers. A job is `lost` if its push was acknowledged and it was never done,
//! or the store does not say that it was; `duplicated` counts how often jobs were done again; `recovered` are those of
//! whose push nobody knows what became, and that were done; `unexpected` are those that were done or stored and not
//! pushed, or stored twice, or whose push has failed. `in_flight_at_kills` counts the jobs that ran in a process, by
//! what the store says, when that was killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use crate::failure::{Failure, Result};

/// In how many dying processes a job is before it is dead by poison.
const CRASHES: usize = 3;

/// The jobs that killed processes had, each with the sessions of those.
#[derive(Debug, Default)]
pub(super) struct InFlight(BTreeMap<u64, BTreeSet<String>>);

impl InFlight {
    /// Adds what runs right after a kill, as `id:session`; what the other worker has is not in flight.
    pub(super) fn add(&mut self, running: &str, other: &str) -> Result {
        for job in running.split_whitespace() {
            let Some((id, session)) = job.split_once(':') else {
                return Err(Failure::check(format!("`{job}` is no running job")));
            };
            if session != other {
                self.0.entry(number(id)?).or_default().insert(session.to_owned());
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    fn kills(&self, id: u64) -> usize {
        self.0.get(&id).map_or(0, BTreeSet::len)
    }
}

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Story {
    begun: BTreeSet<u64>,
    /// The number of each job whose push was acknowledged, and the id that it got.
    acknowledged: BTreeMap<u64, u64>,
    refused: BTreeSet<u64>,
    /// How often each was done.
    done: BTreeMap<u64, usize>,
    jobs: Vec<Job>,
    in_flight: InFlight,
}

/// A job as it is in the store.
#[derive(Debug)]
struct Job {
    id: u64,
    number: u64,
    state: String,
    attempt: String,
    reason: String,
}

impl Story {
    /// Reads what was written down by those who push and by those who work, and all jobs of the store.
    pub(super) fn read(pushed: &str, worked: &str, jobs: &str, in_flight: InFlight) -> Result<Self> {
        let mut story = Self { in_flight, ..Self::default() };
        for line in pushed.lines().chain(worked.lines()) {
            match &*line.split(' ').collect::<Vec<_>>() {
                ["+", begun] => drop(story.begun.insert(number(begun)?)),
                ["=", pushed, id] => drop(story.acknowledged.insert(number(pushed)?, number(id)?)),
                ["-", refused] => drop(story.refused.insert(number(refused)?)),
                [".", done, ..] => *story.done.entry(number(done)?).or_default() += 1,
                [">", ..] => {}
                _ => return Err(Failure::check(format!("`{line}` says nothing"))),
            }
        }
        story.jobs = jobs.lines().map(str::parse).collect::<Result<_>>()?;
        Ok(story)
    }

    fn lost(&self) -> usize {
        let completed = self.jobs.iter().filter(|job| job.is_completed() || self.is_poisoned(job));
        let completed: BTreeSet<_> = completed.map(|job| (job.number, job.id)).collect();
        let poisoned: BTreeSet<_> =
            self.jobs.iter().filter(|job| self.is_poisoned(job)).map(|job| job.number).collect();
        let is_done = |number| self.done.contains_key(number) || poisoned.contains(number);
        self.acknowledged
            .iter()
            .filter(|(number, id)| !is_done(number) || !completed.contains(&(**number, **id)))
            .count()
    }

    fn duplicated(&self) -> usize {
        self.done.values().map(|times| times - 1).sum()
    }

    fn recovered(&self) -> usize {
        let known = |number: &u64| self.acknowledged.contains_key(number) || self.refused.contains(number);
        self.begun.iter().filter(|number| !known(number) && self.done.contains_key(number)).count()
    }

    fn unexpected(&self) -> usize {
        let mut stored = BTreeSet::new();
        let twice: BTreeSet<_> =
            self.jobs.iter().map(|job| job.number).filter(|number| !stored.insert(*number)).collect();
        let is_pushed = |number: &u64| self.begun.contains(number) && !self.refused.contains(number);
        let numbers: BTreeSet<_> = stored.into_iter().chain(self.done.keys().copied()).collect();
        numbers.iter().filter(|number| !is_pushed(number) || twice.contains(number)).count()
    }

    /// Whether a job is dead because a process has died with it three times.
    fn is_poisoned(&self, job: &Job) -> bool {
        (&*job.state, &*job.reason) == ("dead", "poison") && self.in_flight.kills(job.id) >= CRASHES
    }

    /// Jobs that are not as they should be in the end: completed, by an attempt that is the first one that counts.
    fn odd(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !self.is_poisoned(job) && (!job.is_completed() || job.attempt != "1"))
    }

    /// What there is to tell beside the counts.
    pub(super) fn notes(&self) -> Vec<String> {
        let poisoned = self.jobs.iter().filter(|job| self.is_poisoned(job));
        let poisoned = poisoned.map(|job| format!("dead by poison, in flight at three kills by chance: {job}"));
        let odd = self.odd().map(|job| format!("not completed by its first attempt: {job}"));
        let refused = self.refused.iter().map(|number| format!("the push of job {number} has failed"));
        let (begun, acknowledged) = (self.begun.len(), self.acknowledged.len());
        let pushes =
            format!("{begun} pushes were begun, {acknowledged} acknowledged, {} jobs are stored", self.jobs.len());
        std::iter::once(pushes).chain(poisoned).chain(odd.take(10)).chain(refused.take(10)).collect()
    }

    /// Says what is wrong, if anything is.
    pub(super) fn verdict(&self, jobs: u64) -> Result<(), &'static str> {
        let in_flight = self.in_flight.count();
        let wrongs = [
            (self.lost() > 0, "jobs were lost"),
            (self.unexpected() > 0, "jobs came from nowhere"),
            (self.duplicated() > in_flight, "more was done twice than was in flight"),
            (in_flight == 0, "nothing was in flight at any kill, so nothing was shown"),
            (self.odd().next().is_some(), "jobs are left, dead, or have burned an attempt"),
            ((self.acknowledged.len() as u64) < jobs / 2, "hardly any push was acknowledged"),
        ];
        wrongs.iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, why)| Err(why))
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lost, duplicated, recovered) = (self.lost(), self.duplicated(), self.recovered());
        write!(f, "lost={lost} duplicated={duplicated} recovered={recovered} unexpected={}", self.unexpected())?;
        write!(f, " in_flight_at_kills={}", self.in_flight.count())
    }
}

impl Job {
    fn is_completed(&self) -> bool {
        self.state == "completed"
    }
}

impl FromStr for Job {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self> {
        let [id, count, state, attempt, reason] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(Failure::check(format!("`{line}` is no job")));
        };
        let [state, attempt, reason] = [state, attempt, reason].map(str::to_owned);
        Ok(Self { id: number(id)?, number: number(count)?, state, attempt, reason })
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, number, state, attempt, reason } = self;
        write!(f, "job {id} (number {number}) is {state} ({reason}), attempt {attempt}")
    }
}

/// The number after those that a push was begun for.
pub(super) fn next_number(pushed: &str) -> u64 {
    let begun = pushed.lines().filter_map(|line| line.strip_prefix("+ ")?.parse::<u64>().ok());
    begun.max().map_or(0, |last| last + 1)
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Failure::check(format!("`{text}` is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two jobs that were pushed, done and stored as they should be, and one push of which nobody knows.
    const PUSHED: &str = "+ 0\n+ 1\n= 0 10\n+ 2\n= 1 11\n";
    const WORKED: &str = "> 0\n. 0\n> 1\n> 1\n. 1\n";
    const JOBS: &str = "10 0 completed 1 -\n11 1 completed 1 -\n";

    fn in_flight(running: &[&str]) -> InFlight {
        let mut in_flight = InFlight::default();
        running.iter().for_each(|running| in_flight.add(running, "9").unwrap());
        in_flight
    }

    #[track_caller]
    fn check(pushed: &str, worked: &str, jobs: &str, running: &[&str], counts: &str, verdict: Result<(), &str>) {
        let story = Story::read(pushed, worked, jobs, in_flight(running)).unwrap();
        assert_eq!((&*story.to_string(), story.verdict(2)), (counts, verdict), "{story:?}");
    }

    #[test]
    fn all_is_well() {
        let counts = "lost=0 duplicated=0 recovered=0 unexpected=0 in_flight_at_kills=1";
        check(PUSHED, WORKED, JOBS, &["11:3 10:9"], counts, Ok(()));
        // Twice done, and in flight twice; the push of which nobody knows was done.
        let (worked, jobs) = (format!("{WORKED}. 1\n. 2\n"), format!("{JOBS}12 2 completed 1 -\n"));
        let counts = "lost=0 duplicated=1 recovered=1 unexpected=0 in_flight_at_kills=2";
        check(PUSHED, &worked, &jobs, &["11:3", "11:3 11:4"], counts, Ok(()));
    }

    #[test]
    fn what_was_acknowledged_and_is_not_done_is_lost() {
        let counts = "lost=1 duplicated=0 recovered=0 unexpected=0 in_flight_at_kills=1";
        let lost = Err("jobs were lost");
        check(PUSHED, "> 0\n. 0\n> 1\n", JOBS, &["11:3"], counts, lost);
        check(PUSHED, WORKED, "10 0 completed 1 -\n", &["11:3"], counts, lost);
        check(PUSHED, WORKED, "10 0 completed 1 -\n11 1 available 0 -\n", &["11:3"], counts, lost);
        check(PUSHED, WORKED, "10 0 completed 1 -\n12 1 completed 1 -\n", &["11:3"], counts, lost);
    }

    #[test]
    fn what_was_not_pushed_is_unexpected() {
        let counts = "lost=0 duplicated=0 recovered=0 unexpected=1 in_flight_at_kills=1";
        let unexpected = Err("jobs came from nowhere");
        check(PUSHED, &format!("{WORKED}. 7\n"), JOBS, &["11:3"], counts, unexpected);
        check(PUSHED, WORKED, &format!("{JOBS}12 1 completed 1 -\n"), &["11:3"], counts, unexpected);
        // A push that has failed must not have stored anything.
        let (pushed, jobs) = (format!("{PUSHED}- 2\n"), format!("{JOBS}12 2 completed 1 -\n"));
        check(&pushed, WORKED, &jobs, &["11:3"], counts, unexpected);
    }

    #[test]
    fn only_what_was_in_flight_may_be_done_twice() {
        let worked = format!("{WORKED}. 0\n. 1\n");
        let counts = "lost=0 duplicated=2 recovered=0 unexpected=0 in_flight_at_kills=1";
        check(PUSHED, &worked, JOBS, &["11:3"], counts, Err("more was done twice than was in flight"));
        let counts = "lost=0 duplicated=0 recovered=0 unexpected=0 in_flight_at_kills=0";
        check(PUSHED, WORKED, JOBS, &["11:9"], counts, Err("nothing was in flight at any kill, so nothing was shown"));
    }

    #[test]
    fn poison_takes_three_kills() {
        let (worked, jobs) = ("> 0\n. 0\n> 1\n", "10 0 completed 1 -\n11 1 dead 0 poison\n");
        let counts = "lost=0 duplicated=0 recovered=0 unexpected=0 in_flight_at_kills=3";
        check(PUSHED, worked, jobs, &["11:3", "11:4", "11:5"], counts, Ok(()));
        let counts = "lost=1 duplicated=0 recovered=0 unexpected=0 in_flight_at_kills=2";
        check(PUSHED, worked, jobs, &["11:3", "11:4"], counts, Err("jobs were lost"));
    }

    #[test]
    fn a_kill_burns_no_attempt() {
        let counts = "lost=0 duplicated=0 recovered=0 unexpected=0 in_flight_at_kills=1";
        let jobs = JOBS.replace("11 1 completed 1", "11 1 completed 2");
        check(PUSHED, WORKED, &jobs, &["11:3"], counts, Err("jobs are left, dead, or have burned an attempt"));
    }

    #[test]
    fn pushes_go_on_where_they_were_cut_off() {
        assert_eq!((next_number(""), next_number(PUSHED)), (0, 3));
    }
}
