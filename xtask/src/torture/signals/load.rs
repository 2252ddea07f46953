//! The load: requests that are answered, unless something cuts them off.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::http::{Answer, Connection, Request};

/// What a client has met.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub(super) answered: u32,
    pub(super) cut: u32,
}

impl Load {
    fn add(&mut self, answer: &Answer) {
        match answer {
            Answer::Whole(_) => self.answered += 1,
            Answer::Cut => self.cut += 1,
            Answer::Nothing => {}
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { answered: self.answered + other.answered, cut: self.cut + other.cut }
    }
}

/// Requests, one after the other, on connections that are kept and on new ones.
pub(super) struct Client {
    stop: SyncSender<()>,
    thread: JoinHandle<Load>,
}

impl Client {
    pub(super) fn start(host: &'static str) -> Self {
        let (stop, stopped) = sync_channel(1);
        Self { stop, thread: thread::spawn(move || Self::run(host, &stopped)) }
    }

    pub(super) fn stop(self) -> Load {
        // The thread listens until it is told so.
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }

    fn run(host: &str, stopped: &Receiver<()>) -> Load {
        let (hello, greet) = (Request::get(host, "/hello"), Request::post(host, "/greet", "World"));
        let mut load = Load::default();
        while stopped.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
            let Ok(mut connection) = Connection::open(host) else {
                continue;
            };
            // A few each, so that some are new and some are kept.
            for _ in 0..8 {
                let answers = [connection.ask(&hello), connection.ask_in_parts(&greet)];
                answers.iter().for_each(|answer| load.add(answer));
                if !matches!(answers, [Answer::Whole(_), Answer::Whole(_)]) {
                    break;
                }
            }
        }
        load
    }
}
