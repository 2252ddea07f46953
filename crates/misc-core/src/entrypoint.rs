//! The entrypoint: a runtime, an app, and an exit code.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Duration,
};

use tokio::runtime::{Builder, RuntimeFlavor};

use crate::{
    app::{App, Kept},
    error::Panicked,
    process::Process,
    report::Report,
    run::{caught, panic_message},
};

/// Runs a service process: sets it up, runs its app, and returns the exit code.
///
/// It starts a multi-threaded tokio runtime ([`Runtime`] has its knobs), runs the set-up, and then the app that the
/// set-up returns. It owns the signals from the beginning:
///
/// The process is meant to end when it returns: what still runs 1 s past the total of the stop is ended hard.
///
/// | signal | meaning |
/// | --- | --- |
/// | SIGTERM, SIGINT | stop: also during the set-up and the start; a second one ends the process at once |
/// | SIGHUP | reload, if any service asked for [`Context::reloads`](crate::Context::reloads); else as SIGTERM |
///
/// On Windows Ctrl-C and the console events for break, close and shutdown take the place of these.
///
/// | exit code | meaning |
/// | --- | --- |
/// | 0 | ended, or was stopped, cleanly |
/// | 1 | a service, or the set-up, has failed: the report on standard error says why |
/// | 70 | a service was late; or the process was ended hard, 1 s past the total of the stop |
/// | 128 + n | ended at once by a second signal n |
/// | other | chosen by an [`Exit`](crate::Exit) in the chain of an error |
///
/// # Examples
/// ```no_run
/// use std::process::ExitCode;
/// use misc_core::{App, Context};
///
/// fn main() -> ExitCode {
///     misc_core::main(async || {
///         Ok(App::new("shop").service("idle", async |ctx: Context| {
///             ctx.ready();
///             ctx.stopping().await;
///             Ok(())
///         }))
///     })
/// }
/// ```
pub fn main<F>(setup: F) -> ExitCode
where
    F: AsyncFnOnce() -> Result<App, Report>,
{
    Runtime::new().main(setup)
}

/// The runtime that [`main()`] starts, with its knobs.
///
/// # Examples
/// ```no_run
/// # use misc_core::{App, Runtime};
/// # fn setup() -> App { App::new("shop") }
/// # fn main() -> std::process::ExitCode {
/// Runtime::new().workers(2).main(async || Ok(setup()))
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a runtime does nothing until `main` is called"]
pub struct Runtime {
    workers: Option<usize>,
    current_thread: bool,
    stack_size: Option<usize>,
    blocking_threads: Option<usize>,
}

impl Runtime {
    /// Creates a multi-threaded runtime with one worker per core.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of worker threads (one per core); 0 counts as 1.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count.max(1));
        self
    }

    /// Runs everything on the main thread: for small devices and simple tools.
    pub fn current_thread(mut self) -> Self {
        self.current_thread = true;
        self
    }

    /// Sets the stack size of the runtime's threads, in bytes (tokio's default, 2 MiB).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Sets how many closures of [`Context::blocking`](crate::Context::blocking) may run at once (512); 0 counts as 1.
    pub fn blocking_threads(mut self, count: usize) -> Self {
        self.blocking_threads = Some(count.max(1));
        self
    }

    /// Runs a service process on this runtime; see [`main()`].
    pub fn main<F>(self, setup: F) -> ExitCode
    where
        F: AsyncFnOnce() -> Result<App, Report>,
    {
        let report = match self.start() {
            Ok((process, runtime)) => run(&process, runtime, setup),
            Err(error) => finish(&Report::from(error), None),
        };
        ExitCode::from(report)
    }

    /// Guards the process first, so that a signal is heeded from the earliest moment on.
    fn start(&self) -> io::Result<(Process, tokio::runtime::Runtime)> {
        let process = Process::start()?;
        let mut builder = if self.current_thread { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        builder.enable_all().thread_name("misc-worker");
        if let Some(count) = self.workers.filter(|_| !self.current_thread) {
            builder.worker_threads(count);
        }
        if let Some(bytes) = self.stack_size {
            builder.thread_stack_size(bytes);
        }
        if let Some(count) = self.blocking_threads {
            builder.max_blocking_threads(count);
        }
        Ok((process, builder.build()?))
    }
}

fn run<F>(process: &Process, runtime: tokio::runtime::Runtime, setup: F) -> u8
where
    F: AsyncFnOnce() -> Result<App, Report>,
{
    let (report, kept) = match runtime.block_on(set_up(process, setup)) {
        Ok(Some(app)) => {
            let kept = app.kept();
            (supervise(process, &runtime, app), Some(kept))
        }
        Ok(None) => (Report::default(), None),
        Err(report) => (report, None),
    };
    // What is left to do is bounded, too, if the stop had not begun.
    process.stop_begins(Duration::ZERO);
    // What still runs holds no more than its thread, which ends with the process.
    runtime.shutdown_background();
    finish(&report, kept.as_ref())
}

/// Runs the set-up until a signal asks for a stop.
async fn set_up<F>(process: &Process, setup: F) -> Result<Option<App>, Report>
where
    F: AsyncFnOnce() -> Result<App, Report>,
{
    // In a block, so that also what the closure does before its first await is caught.
    let setup = std::pin::pin!(CatchUnwind(std::pin::pin!(async { setup().await })));
    tokio::select! {
        biased;
        () = process.stop_requested() => Ok(None),
        app = setup => app.map(Some),
    }
}

/// Supervises the app on this thread, on a clock of its own: a service that blocks its worker, or all of them, can hold
/// up neither what the supervisor decides nor its timers.
fn supervise(process: &Process, runtime: &tokio::runtime::Runtime, app: App) -> Report {
    let supervise = app.supervise(Some(process.clone()), runtime.handle().clone());
    let run = || match runtime.handle().runtime_flavor() {
        RuntimeFlavor::CurrentThread => Ok(runtime.block_on(supervise)),
        _ => Ok(Builder::new_current_thread().enable_all().build()?.block_on(supervise)),
    };
    let ended: Result<io::Result<Report>, String> = caught(run);
    match ended {
        Ok(report) => report.unwrap_or_else(Report::from),
        Err(message) => Report::from(Panicked(message)),
    }
}

/// Prints the report, drops what was kept, and returns the exit code.
fn finish(report: &Report, kept: Option<&Kept>) -> u8 {
    if !report.is_clean() {
        report.print();
    }
    if let Some(kept) = kept {
        kept.release();
    }
    report.exit_code()
}

/// Turns a panic of the set-up into its failure.
struct CatchUnwind<F>(F);

impl<F: Future<Output = Result<App, Report>> + Unpin> Future for CatchUnwind<F> {
    type Output = Result<App, Report>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        let poll = || std::pin::Pin::new(&mut self.0).poll(cx);
        catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|payload| {
            let error = Panicked(panic_message(&*payload));
            std::task::Poll::Ready(Err(Report::from(error)))
        })
    }
}
