//! The metrics of the process, by the names that all Prometheus clients use.

use crate::collect::Collect;

/// Returns a callback that reads procfs, where there is one.
#[cfg(target_os = "linux")]
pub(crate) fn collector() -> impl Fn(&mut Collect<'_>) + Send + Sync + 'static {
    let boot = procfs::boot_time_secs().ok();
    move |out| {
        // Each is left out when it cannot be read: in a jail, or without permission.
        let Ok(process) = procfs::process::Process::myself() else {
            return;
        };
        if let Ok(stat) = process.stat() {
            #[expect(clippy::cast_precision_loss, reason = "bytes and ticks are far below 2^53")]
            let float = |number: u64| number as f64;
            let ticks = float(procfs::ticks_per_second());
            let cpu = float(stat.utime + stat.stime) / ticks;
            out.counter("process_cpu_seconds_total", "Processor time spent, user and system.", &[], cpu);
            out.gauge("process_virtual_memory_bytes", "Virtual memory.", &[], float(stat.vsize));
            let resident = float(stat.rss.saturating_mul(procfs::page_size()));
            out.gauge("process_resident_memory_bytes", "Resident memory.", &[], resident);
            #[expect(clippy::cast_precision_loss, reason = "threads are far below 2^53")]
            out.gauge("process_threads", "Threads of the operating system.", &[], stat.num_threads as f64);
            if let Some(boot) = boot {
                let start = float(boot) + float(stat.starttime) / ticks;
                out.gauge("process_start_time_seconds", "Start of the process, in Unix time.", &[], start);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "descriptors are far below 2^53")]
        if let Ok(open) = process.fd_count() {
            out.gauge("process_open_fds", "Open file descriptors.", &[], open as f64);
        }
        if let Ok(limits) = process.limits() {
            #[expect(clippy::cast_precision_loss, reason = "descriptors are far below 2^53")]
            let most = match limits.max_open_files.soft_limit {
                procfs::process::LimitValue::Value(most) => most as f64,
                procfs::process::LimitValue::Unlimited => f64::INFINITY,
            };
            out.gauge("process_max_fds", "Most file descriptors that may be open.", &[], most);
        }
    }
}

/// Returns a callback that has nothing to say: there is no procfs here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn collector() -> impl Fn(&mut Collect<'_>) + Send + Sync + 'static {
    |_| {}
}
