//! The load: one who asks, and one who scrapes.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use tokio::{
    runtime::Builder,
    time::{Duration, Instant, interval, sleep},
};

use crate::{Error, client::Client};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
/// As Prometheus 3 asks for the text format.
const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\
    accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\naccept-encoding: gzip\r\n\r\n";

const REQUESTS: usize = 2_000;
const EVERY: Duration = Duration::from_millis(2);
const PAUSE: Duration = Duration::from_millis(100);

/// Reads an address, and whether to scrape; returns the longest time, the 99th percentile, the median and the time of a
/// scrape, in milliseconds.
pub(super) fn run(arguments: &[&str]) -> Result<Vec<f64>, Error> {
    let [address, scrapes] = arguments else {
        return Err("the load needs an address, and whether to scrape".into());
    };
    let address = address.parse()?;
    let is_over = AtomicBool::new(*scrapes != "scraped");
    let (times, scrape) = thread::scope(|scope| {
        let scraping = scope.spawn(|| on_this_thread(scrape(address, &is_over)));
        let times = on_this_thread(ask(address));
        is_over.store(true, Relaxed);
        (times, scraping.join())
    });
    let (mut times, scrape) = (times?, scrape.map_err(|_| "the scraper panicked")??);
    times.sort_unstable();
    let at = |place: usize| times.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3;
    Ok(vec![at(REQUESTS - 1), at(REQUESTS * 99 / 100), at(REQUESTS / 2), scrape * 1e3])
}

fn on_this_thread<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Asks at a steady pace. What an answer was late for counts for those that were due meanwhile, too; what the timer was
/// late for counts for none.
async fn ask(address: SocketAddr) -> Result<Vec<Duration>, Error> {
    let mut client = Client::connect(address, REQUEST).await?;
    let mut ticks = interval(EVERY);
    let mut times = Vec::with_capacity(REQUESTS);
    let mut answered = Instant::now();
    for _ in 0..REQUESTS {
        let due = ticks.tick().await;
        let start = if due < answered { due } else { Instant::now() };
        client.ask().await?;
        answered = Instant::now();
        times.push(answered - start);
    }
    Ok(times)
}

/// Scrapes until all is over; returns how many seconds a scrape took on average.
async fn scrape(address: SocketAddr, is_over: &AtomicBool) -> Result<f64, Error> {
    let mut client = Client::connect(address, SCRAPE).await?;
    let (mut took, mut scrapes) = (Duration::ZERO, 0_u32);
    while !is_over.load(Relaxed) {
        sleep(PAUSE).await;
        let start = Instant::now();
        client.ask_any().await?;
        took += start.elapsed();
        scrapes += 1;
    }
    Ok(took.as_secs_f64() / f64::from(scrapes.max(1)))
}
