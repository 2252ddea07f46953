//! The facade under a name of the user's choice, macros included.

use std::process::ExitCode;

use serde::Deserialize;
use toolkit::{App, BoxError, Context, config::Config, scheduler::service};

/// The settings of the consumer.
#[derive(Debug, Deserialize, Config)]
struct Settings {
    /// What it says.
    #[config(default = "any name will do")]
    greeting: String,
}

/// Greets by a task.
#[derive(Debug)]
struct Greeter(String);

#[service]
impl Greeter {
    #[task(once)]
    async fn greet(&self) {
        println!("{}", self.0);
    }

    async fn run(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.ready();
        ctx.app().shutdown();
        Ok(())
    }
}

fn main() -> ExitCode {
    toolkit::main(async || {
        let Settings { greeting } = Settings::load()?;
        Ok(App::new("consumer").service("greeter", Greeter(greeting)))
    })
}
