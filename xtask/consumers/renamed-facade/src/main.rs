//! The facade under a name of the user's choice, macros included.

use std::process::ExitCode;

use serde::Deserialize;
use toolkit::{
    App, BoxError, Context,
    config::Config,
    rpc::{Server, rpc},
    scheduler::service,
};

/// The settings of the consumer.
#[derive(Debug, Deserialize, Config)]
struct Settings {
    /// What it says.
    #[config(default = "any name will do")]
    greeting: String,
}

/// Somebody who has a greeting.
#[rpc]
trait Greeting {
    async fn greeting(&self) -> String;
}

impl Greeting for Settings {
    async fn greeting(&self) -> String {
        self.greeting.clone()
    }
}

/// Greets by a task.
#[derive(Debug)]
struct Greeter(GreetingClient);

#[service]
impl Greeter {
    #[task(once)]
    async fn greet(&self) -> Result<(), BoxError> {
        println!("{}", self.0.greeting().await?);
        Ok(())
    }

    async fn run(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.ready();
        ctx.app().shutdown();
        Ok(())
    }
}

fn main() -> ExitCode {
    toolkit::main(async || {
        let settings = Settings::load()?;
        let greeting = GreetingClient::over(Server::new(settings.into_rpc())?);
        Ok(App::new("consumer").service("greeter", Greeter(greeting)))
    })
}
