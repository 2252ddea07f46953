//! A replica of a service that has a task: the program that `tests/it/cluster.rs` starts several times, and kills.
//!
//! Run it with `cargo run -p misc-rs --example replica --features queue,scheduler -- sqlite://queue.db 1000`, twice if you
//! like. You see that it is up, and each firing that is started by it and by no other, with the time for which that was
//! planned; Ctrl-C, or the end of its standard input, stops it.
#![expect(clippy::print_stdout, reason = "what it prints is what the test looks at")]

use std::{
    process::{ExitCode, id},
    time::{Duration, SystemTime},
};

use misc::{
    App, BoxError, Context, Exit, Handle,
    queue::Store,
    scheduler::{Misfire, Overlap, Run, Scheduler, Task, every},
};
use tokio::io::{AsyncReadExt as _, stdin};

fn main() -> ExitCode {
    misc::main(async || {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let [url, millis] = &*arguments else {
            return Err(Exit::new(64, "replica URL MILLISECONDS").into());
        };
        let (store, period) = (Store::new(url.as_str()), Duration::from_millis(millis.parse()?));
        // Late ones count as well: on a machine that is too slow for the period all are run in the end.
        let task = Task::new("task", every(period).aligned(), say).overlap(Overlap::QueueAll).misfire(Misfire::All);
        let app = App::new("replica");
        let handle = app.handle();
        Ok(app
            .service("queue", store.service())
            .service("tasks", Scheduler::new().ledger(store).add(task))
            .service("word", async move |ctx: Context| tell(ctx, handle).await))
    })
}

async fn say(run: Run) {
    let due = run.due().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    println!("{} {}", id(), due.as_micros());
}

/// Says that all is up, and stops the app when there is nobody any more who could ask for it.
async fn tell(ctx: Context, handle: Handle) -> Result<(), BoxError> {
    ctx.ready();
    handle.ready().await;
    println!("{} up", id());
    ctx.until_stopping(stdin().read_to_end(&mut Vec::new())).await.transpose()?;
    handle.shutdown();
    Ok(())
}
