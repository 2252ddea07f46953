//! misc-scheduler, as a service of an app.

use std::sync::Arc;

use misc_core::App;
use misc_scheduler::{Scheduler, Task, at, every};
use tokio::{runtime::Handle, time::Instant};

use super::{
    contender::Armed,
    log::{Log, When},
};
use crate::Error;

pub(super) async fn arm(log: &Arc<Log>) -> Result<Armed, Error> {
    let scheduler = Scheduler::new();
    let tasks = scheduler.handle();
    let app = App::new("bench").service("tasks", scheduler).without_signals();
    let handle = app.handle();
    Handle::current().spawn(app.run());
    handle.ready().await;
    let start = Instant::now();
    for job in 0..u32::try_from(log.jobs())? {
        let (name, log, when) = (format!("task-{job}"), Arc::clone(log), log.when(job));
        let work = move || {
            let log = Arc::clone(&log);
            async move { log.begin(job) }
        };
        tasks.add(match when {
            When::At(_, wall) => Task::new(name, at(wall), work),
            When::Every(period) => Task::new(name, every(period), work),
        })?;
    }
    Ok(Armed::since(start, handle))
}
