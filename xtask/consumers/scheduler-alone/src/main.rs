//! Tasks without the facade.

use std::process::ExitCode;

use misc_core::{App, BoxError};
use misc_scheduler::{Next, service};

/// Says what it was asked to.
#[derive(Debug)]
struct Greeter;

#[service]
impl Greeter {
    #[context]
    async fn greeting(&self) -> Result<&'static str, BoxError> {
        Ok("tasks run without the facade")
    }

    #[task(every = "100ms", limit = 3)]
    async fn greet(&self) -> Result<Next, BoxError> {
        println!("{}", self.greeting().await?);
        Ok(Next::StopService)
    }

    #[task]
    async fn repeat(&self, what: String) -> Result<String, BoxError> {
        Ok(what)
    }
}

fn main() -> ExitCode {
    misc_core::main(async || {
        let (tasks, greeter) = Greeter.with_tasks();
        drop(tasks.repeat("not yet".to_owned()));
        Ok(App::new("consumer").service("greeter", greeter))
    })
}
