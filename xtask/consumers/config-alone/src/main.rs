//! Settings alone: no app, no runtime.

use misc_config::{Config, Error};
use serde::Deserialize;

/// The settings of a tool.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "TOOL")]
struct Settings {
    /// How often it tries.
    #[config(default = 3, short = 'n')]
    attempts: u32,
}

fn main() -> Result<(), Error> {
    let settings = Settings::loader().env().cli().load()?;
    println!("{}", settings.attempts);
    Ok(())
}
