//! The facade under a name of the user's choice, macros included.

use std::process::ExitCode;

use serde::Deserialize;
use toolkit::{App, Context, config::Config};

/// The settings of the consumer.
#[derive(Debug, Deserialize, Config)]
struct Settings {
    /// What it says.
    #[config(default = "any name will do")]
    greeting: String,
}

fn main() -> ExitCode {
    toolkit::main(async || {
        let Settings { greeting } = Settings::load()?;
        Ok(App::new("consumer").service("greeter", async move |ctx: Context| {
            ctx.ready();
            println!("{greeting}");
            Ok(())
        }))
    })
}
