//! The facade with several features is the core and as many modules.

use std::process::ExitCode;

use misc::{
    App, Context,
    log::Config,
    upgrade::{Activation, Notify},
};

fn main() -> ExitCode {
    misc::main(async || {
        let log = misc::log::init(Config::default())?;
        let app = App::new("consumer").with(log).with(Notify::from_env()?).with(Activation::from_env()?);
        Ok(app.service("greeter", async |ctx: Context| {
            ctx.ready();
            println!("a module for each feature");
            Ok(())
        }))
    })
}
