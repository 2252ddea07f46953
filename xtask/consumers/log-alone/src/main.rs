//! Logs without the facade.

use std::process::ExitCode;

use misc_core::{App, Context};
use misc_log::{Config, Format};

fn main() -> ExitCode {
    misc_core::main(async || {
        let mut config = Config::default();
        config.format = Format::Json;
        let log = misc_log::init(config)?;
        let level = log.level();
        Ok(App::new("consumer").with(log).service("greeter", async move |ctx: Context| {
            ctx.ready();
            println!("the log is at {}", level.current());
            Ok(())
        }))
    })
}
