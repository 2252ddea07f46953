//! A batch that waits for its turn does not grow with those who come and leave. One test, since it counts for the process.

use std::{
    alloc::System,
    future::pending,
    num::NonZeroUsize,
    pin::{Pin, pin},
    task::{Context, Waker},
    time::Duration,
};

use misc_resilience::Batcher;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::sleep;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn waits<F: Future>(call: Pin<&mut F>) -> bool {
    call.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[tokio::test(start_paused = true)]
async fn an_open_batch_is_bounded_however_many_come_and_leave() {
    let batcher = Batcher::new(|_: Vec<u64>| pending::<Result<Vec<u64>, &str>>());
    let batcher = batcher.window(Duration::ZERO).concurrency(NonZeroUsize::MIN);
    let (mut made, mut waiting) = (pin!(batcher.call(0)), pin!(batcher.call(1)));
    assert!(waits(made.as_mut()));
    sleep(Duration::from_millis(5)).await;
    assert!(waits(made.as_mut()));
    assert!(waits(waiting.as_mut()));
    let region = Region::new(ALLOCATOR);
    for item in 0..10_000 {
        assert!(waits(pin!(batcher.call(item))));
    }
    let change = region.change();
    let grown = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    assert!(grown < 10_000, "it has grown by {grown} bytes");
}
