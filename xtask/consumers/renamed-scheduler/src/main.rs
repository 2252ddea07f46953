//! Tasks under names of the user's choice.

use std::process::ExitCode;

use runtime::{App, BoxError};
use tasks::{NotOpen, service};

/// Greets once a day.
#[derive(Debug)]
struct Greeter;

#[service]
impl Greeter {
    #[context]
    async fn greeting(&self) -> Result<&'static str, BoxError> {
        Ok("any name will do")
    }

    #[task(daily = "09:00", tz = "Europe/Berlin")]
    async fn greet(&self) -> Result<(), NotOpen> {
        println!("{}", self.greeting().await?);
        Ok(())
    }
}

fn main() -> ExitCode {
    runtime::main(async || Ok(App::new("consumer").service("greeter", Greeter)))
}
