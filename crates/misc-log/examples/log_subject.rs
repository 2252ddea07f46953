//! The program that `tests/process` starts, signals and looks at: one scenario for each way in which a log can end.
//!
//! Run one with `cargo run -p misc-log --example log_subject -- end`. You see what is logged on standard error; `LOG` holds
//! the settings in JSON.
#![expect(clippy::print_stdout, reason = "what it prints is what the tests look at")]

use std::{
    fmt,
    future::pending,
    panic::catch_unwind,
    process::{ExitCode, abort},
    thread::{self, park},
    time::Duration,
};

use misc_core::{App, BoxError, Context, Exit, Report, Runtime, Service};
use misc_log::{Config, Log, Setup, tracing_subscriber::layer::Identity};

fn main() -> ExitCode {
    let scenario = std::env::args().nth(1).unwrap_or_default();
    // One thread, which is then the one that hangs, so that only the hard end is left.
    let runtime = if scenario == "wedged" { Runtime::new().current_thread() } else { Runtime::new() };
    runtime.main(async || match &*scenario {
        "end" => app(async |ctx: Context| {
            ctx.ready();
            lines();
            Ok(())
        }),
        "panic" => app(async |ctx: Context| {
            ctx.ready();
            lines();
            panic!("out of\ncheese")
        }),
        "aborts" => {
            let _log = misc_log::init(config()?)?;
            lines();
            drop(catch_unwind(|| panic!("out of cheese")));
            abort()
        }
        "panics" => {
            let _log = misc_log::init(config()?)?;
            ["first", "second"].into_iter().for_each(panics);
            Err(Exit::new(0, "").into())
        }
        "panics-beside" => {
            let _log = Setup::new(config()?).layer(Identity::new()).init()?;
            panics("first");
            Err(Exit::new(0, "").into())
        }
        "panics-stuck" => {
            let log = misc_log::init(config()?)?;
            // A few lines at a time, which may have to wait.
            while log.flush(Duration::from_millis(500)) {
                thread::spawn(|| (0..20).for_each(|number| tracing::info!(number, "line")));
            }
            panics("first");
            println!("unwound");
            drop(log);
            Err(Exit::new(0, "").into())
        }
        "stays" => app(async |ctx: Context| {
            ctx.ready();
            lines();
            println!("stays");
            pending().await
        }),
        "wedged" => app(async |ctx: Context| {
            ctx.ready();
            lines();
            println!("wedged");
            loop {
                park();
            }
        })
        // So that the hard end comes soon.
        .map(|app| app.stop_within(Duration::from_millis(300))),
        "refused" => {
            lines();
            let _log = misc_log::init(config()?)?;
            lines();
            Err(Exit::new(1, "refused, after the log was set up").into())
        }
        "log-crate" => {
            let log = misc_log::init(config()?)?;
            tracing_log::log::info!(target: "old::place", "from the `log` crate");
            tracing_log::log::debug!(target: "old::place", "too fine");
            log.level().set("debug")?;
            tracing_log::log::debug!(target: "old::place", "fine enough");
            drop(log);
            Err(Exit::new(0, "").into())
        }
        "nested" => {
            let _log = misc_log::init(config()?)?;
            tracing::info!(value = %Chatty, "outer");
            Err(Exit::new(0, "").into())
        }
        "twice" => {
            let log = misc_log::init(config()?)?;
            let again = misc_log::init(config()?);
            tracing::info!("still here");
            println!("{}", again.as_ref().is_err_and(misc_log::Error::is_taken));
            again.map(|_| App::new("subject").with(log)).map_err(Into::into)
        }
        "bad-then-good" => {
            let mut bad = config()?;
            bad.filter = Some("info,sqlx=wrn".to_owned());
            println!("{}", misc_log::init(bad).is_err_and(|error| error.is_filter()));
            lines();
            let _log: Log = misc_log::init(config()?)?;
            tracing::info!("after all");
            Err(Exit::new(0, "").into())
        }
        "foreign" => {
            tracing::subscriber::set_global_default(tracing_subscriber::registry())?;
            println!("{}", misc_log::init(config()?).is_err_and(|error| error.is_taken()));
            println!("{}", tracing_log::log::max_level());
            Err(Exit::new(0, "").into())
        }
        "foreign-logger" => {
            tracing_log::LogTracer::init()?;
            println!("{}", misc_log::init(config()?).is_err_and(|error| error.is_taken()));
            Err(Exit::new(0, "").into())
        }
        _ => Err(Exit::new(64, format!("`{scenario}` is no scenario")).into()),
    })
}

/// Logs while it is shown.
struct Chatty;

impl fmt::Display for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("inner");
        f.write_str("shown")
    }
}

fn app(service: impl Service) -> Result<App, Report> {
    Ok(App::new("subject").with(misc_log::init(config()?)?).service("logger", service))
}

fn config() -> Result<Config, BoxError> {
    Ok(serde_json::from_str(&std::env::var("LOG")?)?)
}

fn panics(message: &'static str) {
    drop(catch_unwind(|| panic!("{message}")));
}

fn lines() {
    for number in 0..1000 {
        tracing::info!(number, "line");
    }
}
