//! A server that counts: each line is a word, and the answer is how often anybody has sent it.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use misc::{Address, App, BoxError, Context, Counter, Gauge, Listener, Service, Stream};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, split},
    time::timeout,
};
use tracing::{info, warn};

/// How long a client may be silent.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How much a client may send, so that none fills the memory.
const MOST: u64 = 64 * 1024;

/// Returns the whole program, but for its entrypoint: what `main` runs, tests run, too.
pub fn app(listen: impl Into<Address>) -> App {
    App::new("tally").service("tally", Tally::new(listen))
}

/// Counts words for all its clients.
#[derive(Debug, Clone)]
pub struct Tally {
    listen: Address,
    counts: Arc<Mutex<HashMap<String, u64>>>,
}

impl Tally {
    /// Creates a server for this address.
    pub fn new(listen: impl Into<Address>) -> Self {
        Self { listen: listen.into(), counts: Arc::default() }
    }

    fn count(&self, word: &str) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(word.to_owned()).or_default();
        *count += 1;
        *count
    }
}

impl Service for Tally {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let metrics = Metrics::new(&ctx);
        let mut incoming = ctx.listen(&self.listen).await?;
        ctx.ready();
        while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
            let (handshake, peer) = accepted?;
            let client = Client { tally: self.clone(), metrics: metrics.clone(), ctx: ctx.clone(), peer };
            ctx.spawn(async move {
                let _open = client.metrics.connections.track();
                let served = async { client.serve(handshake.await?).await };
                if let Err(error) = served.await {
                    warn!(peer = %client.peer, %error, "connection lost");
                }
            });
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Metrics {
    words: Counter,
    connections: Gauge,
}

impl Metrics {
    fn new(ctx: &Context) -> Self {
        Self {
            words: ctx.meter().counter("tally_words_total", "Words counted."),
            connections: ctx.meter().gauge("tally_connections", "Open connections."),
        }
    }
}

struct Client {
    tally: Tally,
    metrics: Metrics,
    ctx: Context,
    peer: Address,
}

impl Client {
    async fn serve(&self, stream: Stream) -> io::Result<()> {
        let (read, mut write) = split(stream);
        let mut words = BufReader::new(read.take(MOST)).lines();
        loop {
            let word = match self.ctx.until_stopping(timeout(SILENCE, words.next_line())).await {
                Some(Ok(word)) => word?,
                Some(Err(_)) => {
                    info!(peer = %self.peer, "client is silent");
                    return write.write_all(b"bye\n").await;
                }
                None => return write.write_all(b"bye\n").await,
            };
            let Some(word) = word else { return Ok(()) };
            let count = self.tally.count(&word);
            self.metrics.words.increment(1);
            write.write_all(format!("{word} {count}\n").as_bytes()).await?;
        }
    }
}
