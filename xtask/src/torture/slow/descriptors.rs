//! A server that has no descriptors left.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use super::subject::{Subject, pause};
use crate::{
    failure::{Failure, Result},
    http::{Answer, Connection, Request},
};

/// How many descriptors the server has, and how many clients take them.
pub(super) const FEW: usize = 64;
const TAKERS: usize = 200;
/// How many clients are there before them, and how often each of them asks meanwhile.
const KEPT: usize = 16;
const ASKED: usize = 20;
/// How many clients come after them, and how long the first answers to them may take.
const NEW: usize = 16;
const SOON: Duration = Duration::from_secs(1);
/// How often this is done.
const TIMES: usize = 3;

/// What was seen of it.
#[derive(Debug, Default)]
pub(super) struct Exhausted {
    pub(super) answered: usize,
    pub(super) starved: usize,
    pub(super) late: usize,
    /// How long it took at most until others were served.
    pub(super) refilled: Duration,
}

pub(super) fn exhaust(subject: &Subject) -> Result<Exhausted> {
    let (mut seen, request) = (Exhausted::default(), Request::get(&subject.address, "/"));
    let open = || Connection::open(&subject.address).map_err(|error| Failure::met(&subject.address, error));
    for _ in 0..TIMES {
        let mut kept = (0..KEPT).map(|_| open()).collect::<Result<Vec<_>>>()?;
        seen.ask(&mut kept, &request);
        let takers = (0..TAKERS).map(|_| TcpStream::connect(&subject.address)).collect::<Result<Vec<_>, _>>();
        let takers = takers.map_err(|error| Failure::met("the clients that take the descriptors", error))?;
        for _ in 0..ASKED {
            seen.ask(&mut kept, &request);
            pause(Duration::from_millis(20));
        }
        let left = Instant::now();
        drop(takers);
        let mut new = (0..NEW).map(|_| open()).collect::<Result<Vec<_>>>()?;
        seen.ask(&mut new, &request);
        seen.refilled = seen.refilled.max(left.elapsed());
        seen.late += usize::from(left.elapsed() > SOON);
        seen.ask(&mut kept, &request);
    }
    Ok(seen)
}

impl Exhausted {
    fn ask(&mut self, connections: &mut [Connection], request: &Request) {
        for connection in connections {
            match connection.ask(request) {
                Answer::Whole(body) if body == "Hello!" => self.answered += 1,
                _ => self.starved += 1,
            }
        }
    }
}
