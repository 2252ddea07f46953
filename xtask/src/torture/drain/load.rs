//! The load: clients that ask at a steady rate on connections that are kept.

use std::{
    fmt,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How many clients there are, and how often each one asks: about 1,000 requests each second in all.
const CLIENTS: u32 = 64;
const PERIOD: Duration = Duration::from_millis(64);
/// No answer takes longer than this.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked for, in turn.
const ASKED: &[Asked] = &[
    Asked { path: "/", posts: false, length: 6 },
    Asked { path: "/upload", posts: true, length: 4 },
    Asked { path: "/", posts: false, length: 6 },
    Asked { path: "/slow?ms=30", posts: false, length: 13 },
    Asked { path: "/", posts: false, length: 6 },
    Asked { path: "/big?bytes=40000", posts: false, length: 40_000 },
    Asked { path: "/", posts: false, length: 6 },
    Asked { path: "/drip?ms=50", posts: false, length: 50 },
];
/// What one client in 16 asks for every other time if answers shall last: longer than the second that a stop leaves to
/// idle connections.
const LASTS: Asked = Asked { path: "/drip?ms=2000", posts: false, length: 50 };
const PATIENT: u32 = 16;
/// What is posted.
pub(super) const POSTED: [u8; 1000] = [b'x'; 1000];

/// A request, and how long the body of its answer is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) path: &'static str,
    pub(super) posts: bool,
    pub(super) length: usize,
}

/// Asks for so many clients on one connection, until that ends.
pub(super) type Client = fn(&str, Vec<Turns>) -> Tally;

/// The clients, each connection in a thread of its own.
pub(super) struct Load {
    connections: Vec<JoinHandle<Tally>>,
    /// Each client says once that it was answered.
    up: Receiver<()>,
}

impl Load {
    /// Starts the clients, so many of them to a connection.
    pub(super) fn start(address: &str, client: Client, to_a_connection: u32, lasts: bool) -> Self {
        let (start, (is_up, up)) = (Instant::now(), sync_channel(CLIENTS as usize));
        let turns = |number| Turns {
            next: start + PERIOD * number / CLIENTS,
            turn: number as usize,
            lasts: lasts && number.is_multiple_of(PATIENT),
            asked: 0,
            is_up: is_up.clone(),
        };
        let turns: Vec<_> = (0..CLIENTS).map(turns).collect();
        let start_one = |turns: &[Turns]| {
            let (address, turns) = (address.to_owned(), turns.to_vec());
            thread::spawn(move || client(&address, turns))
        };
        Self { connections: turns.chunks(to_a_connection as usize).map(start_one).collect(), up }
    }

    /// Waits until every client was answered, so that the server has all of their connections.
    pub(super) fn is_up(&self) -> bool {
        (0..CLIENTS).all(|_| self.up.recv_timeout(PATIENCE).is_ok())
    }

    /// Waits until every connection has ended.
    pub(super) fn end(self) -> Tally {
        let mut all = Tally::default();
        self.connections.into_iter().for_each(|client| all.add(client.join().expect("clients do not panic")));
        all
    }
}

/// What a client asks for, and when.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    next: Instant,
    turn: usize,
    lasts: bool,
    asked: u32,
    is_up: SyncSender<()>,
}

impl Turns {
    /// How long it is until the next request.
    pub(super) fn wait(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// The next request.
    pub(super) fn next(&mut self) -> Asked {
        // Late ones are not made up for.
        self.next = Instant::now().max(self.next) + PERIOD;
        self.turn += 1;
        self.asked += 1;
        if self.asked == 2 {
            // Nobody may wait for it any more.
            self.is_up.send(()).unwrap_or_default();
        }
        if self.lasts && self.asked.is_multiple_of(2) { LASTS } else { ASKED[self.turn % ASKED.len()] }
    }
}

/// What became of the requests, and of the clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) answered: u32,
    pub(super) closed: u32,
    pub(super) broken: u32,
    pub(super) untold: u32,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.closed += other.closed;
        self.broken += other.broken;
        self.untold += other.untold;
    }

    /// Counts a request without a whole answer.
    pub(super) fn breaks(&mut self, asked: Asked, why: impl fmt::Display) {
        println!("broken: {}: {why}", asked.path);
        self.broken += 1;
    }

    /// Counts clients whose connection has ended between two requests, and had not said so.
    pub(super) fn leaves(&mut self, clients: u32) {
        println!("untold: a connection was closed between two requests");
        self.untold += clients;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, closed, broken, untold } = self;
        write!(f, "answered={answered} closed={closed} broken={broken} untold={untold}")
    }
}
