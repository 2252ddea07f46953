//! Clients like any other, who measure how long their answers take.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::subject::pause;
use crate::{
    failure::{Failure, Result},
    http::{Answer, Connection, Request},
};

const CLIENTS: usize = 16;
/// How often each one asks.
const PERIOD: Duration = Duration::from_millis(20);

/// Clients, each with a connection that is kept.
pub(super) struct Healthy {
    request: Request,
    connections: Vec<Connection>,
}

/// What the clients have met in a time.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// In ascending order.
    times: Vec<Duration>,
    pub(super) failed: usize,
}

impl Healthy {
    pub(super) fn connect(address: &str) -> Result<Self> {
        let connections = (0..CLIENTS).map(|_| Connection::open(address)).collect::<Result<Vec<_>, _>>();
        let connections = connections.map_err(|error| Failure::met(address, error))?;
        Ok(Self { request: Request::get(address, "/"), connections })
    }

    /// Asks for a time, during which `beside` goes on with what it has to do.
    pub(super) fn measure(&mut self, time: Duration, beside: impl FnOnce(Duration)) -> Window {
        let request = &self.request;
        thread::scope(|scope| {
            let client = |connection| scope.spawn(move || ask_for(time, connection, request));
            let clients: Vec<_> = self.connections.iter_mut().map(client).collect();
            beside(time);
            let mut all = Window::default();
            for window in clients.into_iter().map(|client| client.join().expect("clients do not panic")) {
                all.times.extend(window.times);
                all.failed += window.failed;
            }
            all.times.sort_unstable();
            all
        })
    }
}

fn ask_for(time: Duration, connection: &mut Connection, request: &Request) -> Window {
    let (mut window, start) = (Window::default(), Instant::now());
    while start.elapsed() < time {
        let asked = Instant::now();
        match connection.ask(request) {
            Answer::Whole(body) if body == "Hello!" => window.times.push(asked.elapsed()),
            _ => window.failed += 1,
        }
        pause(PERIOD.saturating_sub(asked.elapsed()));
    }
    window
}

impl Window {
    pub(super) fn answered(&self) -> usize {
        self.times.len()
    }

    /// How long the fastest so many of a hundred answers have taken at most.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
        self.times.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_from_the_fastest() {
        let window = Window { times: (1..=200).map(Duration::from_millis).collect(), failed: 0 };
        assert_eq!([50, 99, 100].map(|percent| window.percentile(percent).as_millis()), [100, 198, 200]);
        assert_eq!(Window::default().percentile(99), Duration::ZERO);
    }
}
