//! Restarts behind a socket that stays open, as systemd does them, while clients connect all the time: none is refused.
//!
//! The counts: `starts`, and how many of the processes were stopped (`term`) or crashed (`kill`) after an instant at
//! random; connections that were `answered`, and those that a crash has `cut`. The rest has to be zero: connections that
//! were `refused`, those that a stop has `broken` off, and processes that did not stop with code 0 (`unclean`).
#![expect(clippy::disallowed_types, reason = "no test pauses the time that other processes take")]

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::Limits;
use crate::{
    failure::{Failure, Result},
    process::{cargo, run as run_command, target_dir},
    program::Program,
    random::Random,
};

const CLIENTS: usize = 4;
/// For how long a process serves.
const RUN: Duration = Duration::from_millis(100);
/// No start, stop or answer takes longer, on a machine that has other work, too.
const PATIENCE: Duration = Duration::from_secs(20);
/// Passes its standard input on as the first socket, to the process that it becomes.
const ACTIVATE: &str = "exec 3<&0 </dev/null; export LISTEN_PID=$$; exec \"$0\" 127.0.0.1:0";

pub(super) fn run(Limits { time, seed, .. }: Limits) -> Result {
    run_command(&mut cargo(["build", "--package", "misc-upgrade", "--example", "under_systemd"]))?;
    let socket = TcpListener::bind("127.0.0.1:0").map_err(|error| Failure::met("the socket", error))?;
    let address = socket.local_addr().map_err(|error| Failure::met("the socket", error))?;
    println!("torture restarts: {} s from seed {seed}", time.as_secs());
    let (counts, start) = (Counts::default(), Instant::now());
    let restarted = thread::scope(|scope| {
        let clients = [(); CLIENTS].map(|()| scope.spawn(|| counts.connect_again_and_again(address)));
        let mut random = Random::new(seed);
        while start.elapsed() < time {
            counts.start_and_end(&socket, &mut random)?;
        }
        // The last one serves those who still wait.
        let mut last = greeter(&socket)?;
        counts.over.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap_or_default());
        counts.stop(&mut last)
    });
    restarted?;
    println!("torture restarts seed={seed} {counts} seconds={}", start.elapsed().as_secs());
    counts.verdict()
}

/// Starts a process with the socket, and waits until it is ready.
fn greeter(socket: &TcpListener) -> Result<Program> {
    let socket = socket.try_clone().map_err(|error| Failure::met("the socket", error))?;
    let mut command = Command::new("sh");
    command.args(["-c", ACTIVATE]).arg(target_dir().join("debug/examples/under_systemd"));
    command.envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "http")]);
    let mut program = Program::start_with(command, Stdio::from(OwnedFd::from(socket)))?;
    if program.prints("app ready", PATIENCE) {
        return Ok(program);
    }
    let printed = program.take_printed().join("\n");
    Err(Failure::check(format!("the service is not ready after {PATIENCE:?}\n{printed}")))
}

#[derive(Debug, Default)]
struct Counts {
    over: AtomicBool,
    /// A process is about to crash, or has crashed, so that connections may be cut.
    crashes: AtomicBool,
    term: AtomicU32,
    kill: AtomicU32,
    answered: AtomicU32,
    cut: AtomicU32,
    refused: AtomicU32,
    broken: AtomicU32,
    unclean: AtomicU32,
}

impl Counts {
    fn start_and_end(&self, socket: &TcpListener, random: &mut Random) -> Result {
        let mut program = greeter(socket)?;
        program.watch(random.up_to(RUN));
        if !random.choose(&[true, false, false, false]) {
            return self.stop(&mut program);
        }
        self.crashes.store(true, Ordering::SeqCst);
        self.kill.fetch_add(1, Ordering::Relaxed);
        drop(program);
        // Whoever was cut off is counted by the time that another process has served for a while.
        let mut next = greeter(socket)?;
        next.watch(RUN);
        self.crashes.store(false, Ordering::SeqCst);
        self.stop(&mut next)
    }

    fn stop(&self, program: &mut Program) -> Result {
        self.term.fetch_add(1, Ordering::Relaxed);
        program.signal(&["TERM"]);
        let clean = program.end(PATIENCE)?.is_some_and(|status| status.success());
        self.unclean.fetch_add(u32::from(!clean), Ordering::Relaxed);
        Ok(())
    }

    fn connect_again_and_again(&self, address: SocketAddr) {
        while !self.over.load(Ordering::Relaxed) {
            let crashed = self.crashes.load(Ordering::SeqCst);
            let count = match TcpStream::connect(address).map(|stream| is_answered(&stream)) {
                Err(_) => &self.refused,
                Ok(true) => &self.answered,
                Ok(false) if crashed || self.crashes.load(Ordering::SeqCst) => &self.cut,
                Ok(false) => &self.broken,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn verdict(&self) -> Result {
        let wrong = [&self.refused, &self.broken, &self.unclean].map(|count| count.load(Ordering::Relaxed));
        if wrong == [0; 3] { Ok(()) } else { Err(Failure::check("restarts were not without a loss: see above")) }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [term, kill] = [&self.term, &self.kill].map(|count| count.load(Ordering::Relaxed));
        write!(f, "starts={} term={term} kill={kill}", term + kill)?;
        let others = [
            ("answered", &self.answered),
            ("cut", &self.cut),
            ("refused", &self.refused),
            ("broken", &self.broken),
            ("unclean", &self.unclean),
        ];
        others.iter().try_for_each(|(name, count)| write!(f, " {name}={}", count.load(Ordering::Relaxed)))
    }
}

/// Says hello; returns whether it was greeted.
fn is_answered(mut stream: &TcpStream) -> bool {
    let mut answer = String::new();
    let talk = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.write_all(b"hello\n"));
    talk.and_then(|()| BufReader::new(stream).read_line(&mut answer)).is_ok() && answer.starts_with("hello to you")
}
