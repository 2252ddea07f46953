//! Tasks and remote procedures under names of the user's choice.

use std::process::ExitCode;

use remote::{Refused, Server, rpc};
use runtime::{App, BoxError};
use tasks::{NotOpen, service};

/// Somebody who greets.
#[rpc]
trait Greets {
    /// Greets somebody by name.
    async fn greet(&self, name: &str) -> String;
}

/// Greets as they ask for it.
struct Polite;

impl Greets for Polite {
    async fn greet(&self, name: &str) -> String {
        format!("{name}, any name will do")
    }
}

/// Greets once a day.
#[derive(Debug)]
struct Greeter;

#[service]
impl Greeter {
    #[context]
    async fn greets(&self) -> Result<GreetsClient, Refused> {
        Ok(GreetsClient::over(Server::new(Polite.into_rpc())?))
    }

    #[task(daily = "09:00", tz = "Europe/Berlin")]
    async fn greet(&self) -> Result<(), BoxError> {
        let greets: Result<GreetsClient, NotOpen> = self.greets().await;
        println!("{}", greets?.greet("you").await?);
        Ok(())
    }
}

fn main() -> ExitCode {
    runtime::main(async || Ok(App::new("consumer").service("greeter", Greeter)))
}
