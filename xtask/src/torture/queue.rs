//! Kills of those who do the jobs of a queue: all that was acknowledged is done, and only what was in flight twice.
//!
//! Two workers do jobs of a few milliseconds, which a third process pushes one by one. After an instant at random one
//! of the workers is killed, and now and then the pusher as well, and started again. Once everything is done, the store
//! is read with plain SQL and compared with what the processes have written down: see `story` for the counts.
//!
//! A job that was in flight at three kills is dead by poison, as misc-queue promises. Chance may do that to a job that
//! has done nothing; then it is told of. Whatever else is not completed in the end is a failure.
#![expect(clippy::disallowed_types, reason = "no test pauses the time that other processes take")]

mod place;
mod processes;
mod story;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use self::{
    place::Place,
    processes::{PATIENCE, Reader, Worker, pusher},
    story::{InFlight, Story},
};
use super::{Backend, Limits};
use crate::{
    failure::{Failure, Result},
    process::{cargo, run as run_command},
    random::Random,
};

const KILLS: u64 = 50;
const JOBS: u64 = 10_000;
/// How long at most jobs are pushed before a process is killed.
const RUN: Duration = Duration::from_millis(200);
/// How long it takes at most until all is done: leases have to end, and what was in flight is then done one by one.
const DRAIN: Duration = Duration::from_secs(60);

pub(super) fn run(limits: Limits) -> Result {
    // As the tests build it, so that it is not built twice.
    let example = ["build", "--bins", "--examples", "--all-features"];
    run_command(&mut cargo(example))?;
    let (backends, is_asked_for) = match limits.backend {
        Some(backend) => (vec![backend], true),
        None => (vec![Backend::Sqlite, Backend::Postgres], false),
    };
    for backend in backends {
        let Some(place) = Place::find(backend, is_asked_for)? else { continue };
        let (kills, jobs) = (limits.kills.unwrap_or(KILLS).max(1), limits.jobs.unwrap_or(JOBS));
        println!("torture queue: {backend}, {kills} kills over {jobs} jobs, from seed {}", limits.seed);
        let story = Torture::begin(&place, limits.seed)?.go_on(kills, jobs)?;
        story.notes().iter().for_each(|note| println!("{note}"));
        println!("{story}");
        story.verdict(jobs).map_err(|why| Failure::check(format!("{why}: see {}", place.dir.display())))?;
        place.remove();
    }
    Ok(())
}

/// A store, and the processes on it.
struct Torture<'a> {
    place: &'a Place,
    random: Random,
    reader: Reader,
    workers: [Worker; 2],
    in_flight: InFlight,
}

impl<'a> Torture<'a> {
    fn begin(place: &'a Place, seed: u64) -> Result<Self> {
        // The first worker makes the tables that the reader looks at.
        let first = Worker::start(place)?;
        let mut reader = Reader::start(place)?;
        let first = first.with_session(&mut reader)?;
        let second = Worker::start(place)?.with_session(&mut reader)?;
        let (random, in_flight) = (Random::new(seed), InFlight::default());
        Ok(Self { place, random, reader, workers: [first, second], in_flight })
    }

    fn go_on(mut self, kills: u64, jobs: u64) -> Result<Story> {
        for kill in 1..=kills {
            self.kill_while_pushing(jobs * kill / kills)?;
        }
        self.push_until(jobs)?;
        self.drain()?;
        let rows = self.place.dir.join("jobs");
        self.reader.ask(&format!("jobs {}", rows.display()))?;
        self.workers.into_iter().try_for_each(Worker::stop)?;
        if self.place.backend == Backend::Postgres {
            self.reader.ask("drop")?;
        }
        let read = |path: PathBuf| fs::read_to_string(&path).map_err(|error| Failure::met(path.display(), error));
        let [pushed, worked] = [self.place.pushed(), self.place.worked()].map(read);
        Story::read(&pushed?, &worked?, &read(rows)?, self.in_flight)
    }

    /// Pushes jobs up to a number; kills a worker meanwhile, and reads what it had in flight.
    fn kill_while_pushing(&mut self, end: u64) -> Result {
        let mut pusher = pusher(self.place, end)?;
        pusher.watch(self.random.up_to(RUN));
        let victim = self.random.choose(&[0, 1]);
        let other = self.workers[1 - victim].session.clone();
        self.workers[victim].kill();
        let running = self.reader.ask("running")?;
        self.in_flight.add(&running, &other)?;
        if self.random.choose(&[true, false, false, false, false]) {
            drop(pusher);
        } else if pusher.end(PATIENCE)?.is_none() {
            return Err(Failure::check(format!("pushes take longer than {PATIENCE:?}")));
        }
        self.workers[victim] = Worker::start(self.place)?.with_session(&mut self.reader)?;
        Ok(())
    }

    /// Pushes what a killed pusher has left over.
    fn push_until(&self, end: u64) -> Result {
        let ended = pusher(self.place, end)?.end(PATIENCE)?;
        ended.map(drop).ok_or_else(|| Failure::check(format!("pushes take longer than {PATIENCE:?}")))
    }

    /// Waits until nothing is left to be done; what is not by then is told by the story.
    fn drain(&mut self) -> Result {
        let start = Instant::now();
        while start.elapsed() < DRAIN && self.reader.ask("open")? != "0" {
            self.workers[0].program.watch(Duration::from_millis(50));
        }
        Ok(())
    }
}
