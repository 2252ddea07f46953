//! The metrics of the tokio runtime.

use std::sync::OnceLock;

use tokio::runtime::Handle;

use crate::collect::Collect;

/// Returns a callback that reads the runtime in which it is called first.
pub(crate) fn collector() -> impl Fn(&mut Collect<'_>) + Send + Sync + 'static {
    let runtime = OnceLock::new();
    move |out| {
        let handle = match (runtime.get(), Handle::try_current()) {
            (Some(handle), _) => handle,
            (None, Ok(current)) => runtime.get_or_init(|| current),
            (None, Err(_)) => return,
        };
        show(handle, out);
    }
}

fn show(runtime: &Handle, out: &mut Collect<'_>) {
    #[expect(clippy::cast_precision_loss, reason = "tasks and workers are far below 2^53")]
    let float = |number: usize| number as f64;
    let metrics = runtime.metrics();
    out.gauge("tokio_workers", "Worker threads of the runtime.", &[], float(metrics.num_workers()));
    out.gauge("tokio_alive_tasks", "Tasks that have not ended.", &[], float(metrics.num_alive_tasks()));
    let depth = float(metrics.global_queue_depth());
    out.gauge("tokio_global_queue_depth", "Tasks that wait in the queue of all workers.", &[], depth);
    #[cfg(target_has_atomic = "64")]
    for worker in 0..metrics.num_workers() {
        let busy = metrics.worker_total_busy_duration(worker).as_secs_f64();
        let labels = [("worker", &*worker.to_string())];
        out.counter("tokio_worker_busy_seconds_total", "Time in which a worker was not parked.", &labels, busy);
    }
}
