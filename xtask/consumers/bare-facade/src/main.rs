//! The facade without features is the core.

use std::process::ExitCode;

use misc::{App, Context};

fn main() -> ExitCode {
    misc::main(async || {
        Ok(App::new("consumer").service("greeter", async |ctx: Context| {
            ctx.ready();
            println!("the facade without features is the core");
            Ok(())
        }))
    })
}
