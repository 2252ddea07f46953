//! Signals at any instant of start, run and stop, also under load: every exit code is a documented one.
//!
//! The counts: `starts` in all; those that were signalled by `term`, `int`, `kill` alone or by two (`double`); those that
//! ended with code 0 (`clean`), at once by a second signal (`second`), by SIGKILL (`killed`), or before they handled any
//! signal (`early`); requests that were answered, and those that were begun and not, where that may be (`cut`). The rest
//! has to be zero: processes that were `late` (code 70), `stuck` (they do not end), or ended in any other way (`other`),
//! and requests in flight that were `broken` off by a stop that ought to finish them.
#![expect(clippy::disallowed_types, reason = "no test pauses the time that other processes take")]

mod load;

use std::{
    fmt,
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use self::load::{Client, Load};
use super::Limits;
use crate::{
    failure::{Failure, Result},
    process::{cargo, run as run_command, target_dir},
    program::Program,
    random::Random,
};

/// Where the quickstart listens.
const ADDRESS: &str = "127.0.0.1:8080";
/// How many clients a served program has.
const CLIENTS: usize = 2;
/// A little longer than a start takes, so that some are ready.
const START: Duration = Duration::from_millis(60);
/// For how long one runs, and between two signals: about as long as a stop takes.
const RUN: Duration = Duration::from_millis(20);
const GAP: Duration = Duration::from_millis(5);
/// When a start, or a stop, has gone wrong: past the hard end.
const STUCK: Duration = Duration::from_secs(40);

/// The programs that are signalled: words of the command line, and the line that says that one is ready.
const SUBJECTS: &[Subject] = &[
    Subject { program: "examples/subject", scenario: Some("ready"), ready: "subject is ready" },
    Subject { program: "examples/subject", scenario: Some("busy-start"), ready: "subject is ready" },
    Subject { program: "examples/subject", scenario: Some("starting"), ready: "slow starts" },
    Subject { program: QUICKSTART, scenario: None, ready: "app ready" },
    Subject { program: QUICKSTART, scenario: None, ready: "app ready" },
];
const QUICKSTART: &str = "quickstart";

/// What is sent: one signal, or two.
const SIGNALS: &[&[&str]] = &[
    &["TERM"],
    &["TERM"],
    &["INT"],
    &["KILL"],
    &["TERM", "TERM"],
    &["INT", "INT"],
    &["TERM", "INT"],
    &["TERM", "KILL"],
];

pub(super) fn run(Limits { time, seed, .. }: Limits) -> Result {
    build()?;
    if TcpListener::bind(ADDRESS).is_err() {
        return Err(Failure::check(format!("{ADDRESS} is taken: end what listens there, and try again")));
    }
    println!("torture signals: {} s from seed {seed}", time.as_secs());
    let (mut random, mut counts, start) = (Random::new(seed), Counts::default(), Instant::now());
    while start.elapsed() < time {
        let attempt = Attempt::at_random(&mut random);
        let outcome = attempt.run()?;
        if let Some(wrong) = counts.add(&attempt, &outcome) {
            println!("{wrong}: {attempt:?}\n  {}", outcome.printed.join("\n  "));
        }
    }
    println!("torture signals seed={seed} {counts} seconds={}", start.elapsed().as_secs());
    counts.verdict()
}

fn build() -> Result {
    let build = ["build", "--package", "misc-core", "--example", "subject", "--package", "quickstart", "--bin"];
    run_command(cargo(build).arg(QUICKSTART))
}

#[derive(Clone, Copy, Debug)]
struct Subject {
    program: &'static str,
    scenario: Option<&'static str>,
    ready: &'static str,
}

/// One process: which, when it is signalled, and how.
#[derive(Debug)]
struct Attempt {
    subject: Subject,
    /// Whether the time counts from when it was ready, rather than from when it began.
    once_ready: bool,
    after: Duration,
    signals: &'static [&'static str],
    /// Between two signals; none when they are sent together.
    gap: Option<Duration>,
}

/// How it ended.
#[derive(Debug)]
struct Outcome {
    /// None when it had to be killed in the end.
    status: Option<ExitStatus>,
    printed: Vec<String>,
    load: Load,
}

impl Attempt {
    fn at_random(random: &mut Random) -> Self {
        let once_ready = random.choose(&[false, true]);
        let gaps = [None, Some(random.up_to(GAP))];
        Self {
            subject: random.choose(SUBJECTS),
            once_ready,
            after: random.up_to(if once_ready { RUN } else { START }),
            signals: random.choose(SIGNALS),
            gap: random.choose(&gaps),
        }
    }

    fn run(&self) -> Result<Outcome> {
        let mut command = Command::new(target_dir().join("debug").join(self.subject.program));
        command.args(self.subject.scenario).env("RUST_BACKTRACE", "0");
        let mut program = Program::start(command)?;
        let clients: Vec<_> =
            (0..CLIENTS).filter(|_| self.subject.program == QUICKSTART).map(|_| Client::start(ADDRESS)).collect();
        self.signal(&mut program);
        let status = program.end(STUCK)?;
        let printed = program.take_printed();
        Ok(Outcome { status, printed, load: clients.into_iter().map(Client::stop).fold(Load::default(), Load::and) })
    }

    /// Waits for the instant, and signals.
    fn signal(&self, program: &mut Program) {
        if self.once_ready {
            program.prints(self.subject.ready, STUCK);
        }
        program.watch(self.after);
        match (self.gap, self.signals) {
            (Some(gap), [first, second]) => {
                program.signal(&[first]);
                program.watch(gap);
                program.signal(&[second]);
            }
            // One that has ended by itself is seen to be another kind of end.
            _ => drop(program.signal(self.signals)),
        }
    }

    fn kills(&self) -> bool {
        self.signals.contains(&"KILL")
    }

    /// What documentation makes of such an end.
    fn judge(&self, outcome: &Outcome) -> End {
        let Some(status) = outcome.status else {
            return End::Stuck;
        };
        // The system does not say which of two came first that are there together.
        let second = |code| self.signals.len() == 2 && self.signals.iter().any(|name| 128 + number(name) == code);
        match (status.signal(), status.code()) {
            (Some(9), _) if self.kills() => End::Killed,
            // It has not come so far that it could handle a signal, and then it has not printed anything.
            (Some(signal), _)
                if outcome.printed.is_empty() && self.signals.iter().any(|name| number(name) == signal) =>
            {
                End::Early
            }
            (_, Some(0)) if self.signals[0] != "KILL" => End::Clean,
            (_, Some(70)) => End::Late,
            (_, Some(code)) if second(code) => End::Second,
            _ => End::Other,
        }
    }
}

fn number(signal: &str) -> i32 {
    match signal {
        "INT" => 2,
        "KILL" => 9,
        _ => 15,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Clean,
    Second,
    Killed,
    Early,
    Late,
    Stuck,
    Other,
}

#[derive(Debug, Default)]
struct Counts {
    starts: u32,
    term: u32,
    int: u32,
    kill: u32,
    double: u32,
    clean: u32,
    second: u32,
    killed: u32,
    early: u32,
    late: u32,
    stuck: u32,
    other: u32,
    requests: u32,
    cut: u32,
    broken: u32,
}

impl Counts {
    /// Counts an outcome, and says what is wrong with it.
    fn add(&mut self, attempt: &Attempt, outcome: &Outcome) -> Option<&'static str> {
        self.starts += 1;
        *match attempt.signals {
            ["TERM"] => &mut self.term,
            ["INT"] => &mut self.int,
            ["KILL"] => &mut self.kill,
            _ => &mut self.double,
        } += 1;
        self.requests += outcome.load.answered;
        let (end, wrong) = match attempt.judge(outcome) {
            End::Clean => (&mut self.clean, None),
            End::Second => (&mut self.second, None),
            End::Killed => (&mut self.killed, None),
            End::Early => (&mut self.early, None),
            End::Late => (&mut self.late, Some("late")),
            End::Stuck => (&mut self.stuck, Some("stuck")),
            End::Other => (&mut self.other, Some("other")),
        };
        *end += 1;
        if attempt.signals.len() == 1 && !attempt.kills() {
            self.broken += outcome.load.cut;
            return wrong.or((outcome.load.cut > 0).then_some("broken"));
        }
        self.cut += outcome.load.cut;
        wrong
    }

    fn verdict(&self) -> Result {
        let Self { late, stuck, other, broken, .. } = self;
        if late + stuck + other + broken == 0 {
            return Ok(());
        }
        Err(Failure::check("processes ended as they must not: see above"))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { starts, term, int, kill, double, clean, second, killed, early, late, stuck, other, .. } = self;
        let Self { requests, cut, broken, .. } = self;
        write!(f, "starts={starts} term={term} int={int} kill={kill} double={double} ")?;
        write!(
            f,
            "clean={clean} second={second} killed={killed} early={early} late={late} stuck={stuck} other={other} "
        )?;
        write!(f, "requests={requests} cut={cut} broken={broken}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what is made of a wait status: an exit code times 256, or a signal.
    #[track_caller]
    fn check(signals: &'static [&'static str], status: i32, printed: &[&str], expected: End) {
        let attempt = Attempt { subject: SUBJECTS[0], once_ready: false, after: Duration::ZERO, signals, gap: None };
        let printed = printed.iter().map(|line| (*line).to_owned()).collect();
        let outcome = Outcome { status: Some(ExitStatus::from_raw(status)), printed, load: Load::default() };
        assert_eq!(attempt.judge(&outcome), expected);
    }

    #[test]
    fn knows_the_documented_ends() {
        check(&["TERM"], 0, &["up"], End::Clean);
        check(&["TERM"], 15, &[], End::Early);
        check(&["TERM", "INT"], 130 << 8, &["up"], End::Second);
        check(&["TERM", "INT"], 143 << 8, &["up"], End::Second);
        check(&["TERM", "KILL"], 9, &["up"], End::Killed);
        check(&["TERM", "KILL"], 0, &["up"], End::Clean);
    }

    #[test]
    fn knows_an_end_that_must_not_be() {
        check(&["TERM"], 15, &["up"], End::Other);
        check(&["TERM"], 9, &["up"], End::Other);
        check(&["TERM"], 143 << 8, &["up"], End::Other);
        check(&["TERM", "TERM"], 130 << 8, &["up"], End::Other);
        check(&["TERM"], 70 << 8, &["up"], End::Late);
        check(&["INT"], 1 << 8, &["up"], End::Other);
        check(&["KILL"], 0, &["up"], End::Other);
    }

    #[test]
    fn a_cut_response_counts_by_what_has_cut_it() {
        let mut counts = Counts::default();
        let attempt =
            |signals| Attempt { subject: SUBJECTS[0], once_ready: true, after: Duration::ZERO, signals, gap: None };
        let outcome = |status| Outcome {
            status: Some(ExitStatus::from_raw(status)),
            printed: Vec::new(),
            load: Load { answered: 1, cut: 1 },
        };
        assert_eq!(counts.add(&attempt(&["KILL"]), &outcome(9)), None);
        assert!(counts.verdict().is_ok());
        assert_eq!(counts.add(&attempt(&["TERM"]), &outcome(0)), Some("broken"));
        assert!(counts.verdict().is_err());
        assert_eq!((counts.requests, counts.cut, counts.broken), (2, 1, 1));
    }
}
