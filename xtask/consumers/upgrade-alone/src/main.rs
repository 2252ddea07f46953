//! systemd without the facade.

use std::process::ExitCode;

use misc_core::{App, Context};
use misc_upgrade::{Activation, Notify};

fn main() -> ExitCode {
    misc_core::main(async || {
        let app = App::new("consumer").with(Notify::from_env()?).with(Activation::from_env()?);
        Ok(app.service("greeter", async |ctx: Context| {
            ctx.ready();
            println!("systemd knows that this is ready");
            Ok(())
        }))
    })
}
