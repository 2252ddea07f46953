//! The facade with one feature is the core and one module.

use std::process::ExitCode;

#[expect(unused_imports, reason = "what is checked is that the feature brings it")]
use misc::http::Server;
use misc::{App, Context};

fn main() -> ExitCode {
    misc::main(async || {
        Ok(App::new("consumer").service("greeter", async |ctx: Context| {
            ctx.ready();
            println!("one feature, one module");
            Ok(())
        }))
    })
}
