//! Stops of an HTTP server under load, over HTTP/1.1 and HTTP/2: every request that was sent is answered.
//!
//! 64 clients, over HTTP/2 eight to a connection, ask about 1,000 times each second, and go elsewhere once the server says
//! that it closes; one stop in three meets answers that take longer than a stop leaves idle connections. The counts:
//! `stops`; requests that were `answered`; clients that were told that their connection ends (`closed`). The rest has to be
//! zero: requests on a kept connection without a whole answer (`broken`), clients whose connection ended and had not said
//! so (`untold`), processes that did not stop with code 0 (`unclean`) or took longer than 3 s (`slow`).
#![expect(clippy::disallowed_types, reason = "no test pauses the time that other processes take")]

mod http1;
mod http2;
mod load;

use std::{
    fmt,
    process::Command,
    time::{Duration, Instant},
};

use self::load::{Load, Tally};
use super::Limits;
use crate::{
    failure::{Failure, Result},
    process::{cargo, run as run_command, target_dir},
    program::Program,
    random::Random,
};

/// What a server prints once it is ready, before its address.
const LISTENS: &str = "listens on ";
const SETTINGS: &str = r#"{"listen": "127.0.0.1:0"}"#;
/// For how long at most a server is loaded before it is stopped, once every client was answered.
const RUN: Duration = Duration::from_millis(600);
/// A stop waits for the longest answer, or for as long as an idle connection may still ask.
const SOON: Duration = Duration::from_secs(3);
/// No start or stop takes longer, on a machine that has other work, too.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn run(Limits { time, seed, .. }: Limits) -> Result {
    run_command(&mut cargo(["build", "--package", "misc-http", "--features", "axum", "--example", "http_subject"]))?;
    println!("torture drain: {} s from seed {seed}", time.as_secs());
    let (mut random, mut counts, start) = (Random::new(seed), Counts::default(), Instant::now());
    while start.elapsed() < time {
        counts.stop_under(&mut random)?;
    }
    println!("torture drain seed={seed} {counts} seconds={}", start.elapsed().as_secs());
    counts.verdict()
}

#[derive(Debug, Default)]
struct Counts {
    stops: u32,
    tally: Tally,
    unclean: u32,
    slow: u32,
}

impl Counts {
    /// Starts a server, loads it, and stops it at an instant.
    fn stop_under(&mut self, random: &mut Random) -> Result {
        let (client, clients) = random.choose(&[(http1::ask as load::Client, 1), (http2::ask, 8)]);
        let lasts = random.choose(&[true, false, false]);
        let mut server = Program::start({
            let mut command = Command::new(target_dir().join("debug/examples/http_subject"));
            command.arg(SETTINGS);
            command
        })?;
        if !server.prints(LISTENS, PATIENCE) {
            let printed = server.take_printed().join("\n");
            return Err(Failure::check(format!("the server is not ready after {PATIENCE:?}\n{printed}")));
        }
        let printed = server.take_printed().pop().unwrap_or_default();
        let load = Load::start(printed.trim_start_matches(LISTENS), client, clients, lasts);
        if !load.is_up() {
            return Err(Failure::check("the server does not answer every client"));
        }
        server.watch(random.up_to(RUN));
        let stopped = Instant::now();
        server.signal(&["TERM"]);
        let status = server.end(PATIENCE)?;
        self.stops += 1;
        self.slow += u32::from(stopped.elapsed() > SOON);
        if !status.is_some_and(|status| status.success()) {
            self.unclean += 1;
            println!("unclean: {status:?}\n  {}", server.take_printed().join("\n  "));
        }
        // One that is stuck has to go, lest its clients wait for it.
        drop(server);
        self.tally.add(load.end());
        Ok(())
    }

    fn verdict(&self) -> Result {
        let Self { tally: Tally { broken, untold, .. }, unclean, slow, .. } = self;
        if [*broken, *untold, *unclean, *slow] == [0; 4] {
            return Ok(());
        }
        Err(Failure::check("stops were not without a loss: see above"))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stops, tally, unclean, slow } = self;
        write!(f, "stops={stops} {tally} unclean={unclean} slow={slow}")
    }
}
