//! A single crate, without the facade.

use std::process::ExitCode;

use misc_core::{App, Context};

fn main() -> ExitCode {
    misc_core::main(async || {
        Ok(App::new("consumer").service("greeter", async |ctx: Context| {
            ctx.ready();
            println!("the core runs without the facade");
            Ok(())
        }))
    })
}
