//! The facade under a name of the user's choice.

use std::process::ExitCode;

use toolkit::{App, Context};

fn main() -> ExitCode {
    toolkit::main(async || {
        Ok(App::new("consumer").service("greeter", async |ctx: Context| {
            ctx.ready();
            println!("any name will do");
            Ok(())
        }))
    })
}
