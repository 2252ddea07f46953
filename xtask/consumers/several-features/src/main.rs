//! The facade with several features is the core and as many modules.

use std::process::ExitCode;

use garde::Validate;
use misc::{
    App, Context,
    config::Config,
    queue::Command,
    resilience::ByStatus,
    rpc::{Shape, rpc},
    scheduler::service,
    upgrade::{Activation, Notify},
};
use serde::Deserialize;

/// The settings of the consumer.
#[derive(Debug, Deserialize, Validate, Config)]
#[config(garde)]
struct Settings {
    /// What it says.
    #[garde(length(min = 1))]
    #[config(default = "a module for each feature")]
    greeting: String,
    /// The log.
    #[garde(skip)]
    #[config(nested)]
    log: misc::log::Config,
}

/// Tells the hours.
#[derive(Debug)]
struct Clock;

#[service]
impl Clock {
    #[task(every = "1h", aligned)]
    async fn strike(&self) {
        println!("ding");
    }
}

/// The clocks of others.
#[rpc]
pub trait Clocks {
    /// Returns the hour there.
    #[rpc(idempotent)]
    async fn hour(&self, zone: &str) -> u8;
}

fn main() -> ExitCode {
    misc::main(async || {
        let Settings { greeting, log } = Settings::load()?;
        let log = misc::log::init(log)?;
        let app = App::new("consumer").with(log).with(Notify::from_env()?).with(Activation::from_env()?);
        let app = app.service("clock", Clock);
        let clocks = ClocksClient::builder("https://clocks.example/rpc").ca_pem(Vec::new()).build()?;
        let pause = Command::Pause { queue: "clocks".to_owned() };
        println!("{pause:?}, {clocks:?} answers {:?}, and is judged {ByStatus:?}", Shape::of::<u8>());
        Ok(app.service("greeter", async move |ctx: Context| {
            ctx.ready();
            println!("{greeting}");
            ctx.app().shutdown();
            Ok(())
        }))
    })
}
