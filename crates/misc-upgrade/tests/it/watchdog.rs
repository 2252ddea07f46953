//! The pings of the watchdog, on a paused clock.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use misc_core::{App, BoxError, Context, Handle, resource};
use misc_upgrade::Notify;
use tokio::time::{interval, sleep};

use crate::{
    fake_manager::FakeManager,
    notify::{drive, secs},
};

const PING: &str = "WATCHDOG=1";

fn watched(manager: &FakeManager) -> Notify {
    Notify::to(manager.name()).expect("a name").watchdog(secs(10))
}

async fn idle(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

/// Lets time pass, and counts the pings meanwhile.
async fn pings_in(manager: &FakeManager, seconds: u64) -> usize {
    let before = manager.count(PING);
    let mut ticks = interval(secs(1));
    ticks.tick().await;
    for _ in 0..seconds {
        ticks.tick().await;
        // Lest the queue be full.
        manager.lines();
    }
    manager.count(PING) - before
}

async fn run(notify: Notify, driver: impl AsyncFnOnce(Handle)) {
    drive(App::new("shop").with(notify).service("a", idle), driver).await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn is_pinged_at_half_its_period() {
    let manager = FakeManager::new();
    run(watched(&manager), async |handle| {
        sleep(secs(1)).await;
        assert_eq!(manager.count(PING), 1, "at once");
        assert_eq!(pings_in(&manager, 60).await, 12);
        handle.shutdown();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn is_not_pinged_without_a_period() {
    let manager = FakeManager::new();
    run(watched(&manager).watchdog(secs(0)), async |handle| {
        assert_eq!(pings_in(&manager, 60).await, 0);
        handle.shutdown();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn is_pinged_from_the_start_until_resources_have_closed() {
    let manager = FakeManager::new();
    let open = async |manager: FakeManager| Ok::<_, BoxError>(manager);
    let (_, db) = resource(manager.clone(), open).on_close(async |manager: &FakeManager| {
        assert_eq!(pings_in(manager, 10).await, 2, "while it closes");
    });
    let starting = manager.clone();
    let slow = async move |ctx: Context| {
        assert_eq!(pings_in(&starting, 20).await, 4, "while it starts");
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    };
    let notify = watched(&manager).healthy_while((), async |()| true);
    let ended = drive(App::new("shop").with(notify).service("db", db).service("slow", slow), async |handle| {
        handle.ready().await;
        handle.shutdown();
    });
    ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn is_pinged_only_while_the_app_says_that_it_is_healthy() {
    const WELL: u8 = 0;
    const ILL: u8 = 1;
    const SLOW: u8 = 2;
    const HANGS: u8 = 3;
    const PANICS: u8 = 4;
    let manager = FakeManager::new();
    let health = Arc::new(AtomicU8::new(WELL));
    let check = async |health: Arc<AtomicU8>| match health.load(Ordering::Relaxed) {
        PANICS => panic!("the check is broken"),
        HANGS => std::future::pending().await,
        SLOW => {
            sleep(secs(2)).await;
            true
        }
        health => health == WELL,
    };
    run(watched(&manager).healthy_while(Arc::clone(&health), check), async |handle| {
        for (state, pings) in [(WELL, 4), (ILL, 0), (SLOW, 4), (HANGS, 0), (WELL, 4), (PANICS, 0), (WELL, 4)] {
            health.store(state, Ordering::Relaxed);
            // What was asked before is answered by then.
            sleep(secs(5)).await;
            assert_eq!(pings_in(&manager, 20).await, pings, "in state {state}");
        }
        handle.shutdown();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn health_is_not_asked_for_while_the_app_starts_or_stops() {
    let manager = FakeManager::new();
    let slow = async |ctx: Context| {
        sleep(secs(20)).await;
        ctx.ready();
        ctx.stopping().await;
        sleep(secs(14)).await;
        Ok(())
    };
    let notify = watched(&manager).healthy_while((), async |()| false);
    let ended = drive(App::new("shop").with(notify).service("slow", slow), async |handle| {
        assert_eq!(pings_in(&manager, 19).await, 3 + 1);
        handle.ready().await;
        sleep(secs(1)).await;
        assert_eq!(pings_in(&manager, 20).await, 0);
        handle.shutdown();
        assert_eq!(pings_in(&manager, 10).await, 2);
    });
    ended.await.unwrap();
}
