//! A feature of the facade that is a feature of one of its crates.

use std::process::ExitCode;

use misc::{
    App, Context,
    log::{Config, Otel},
};

fn main() -> ExitCode {
    misc::main(async || {
        let mut config = Config::default();
        config.otel = Some(Otel::default());
        Ok(App::new("consumer").with(misc::log::init(config)?).service("greeter", async |ctx: Context| {
            ctx.ready();
            println!("spans go to a collector");
            Ok(())
        }))
    })
}
