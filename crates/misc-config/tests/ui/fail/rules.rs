use misc_config::{Config, Invalid};
use serde::Deserialize;

#[derive(Deserialize, Config)]
#[config(validate)]
struct Missing {
    port: u16,
}

#[derive(Deserialize, Config)]
#[config(validate)]
struct Yes {
    port: u16,
}

impl Yes {
    fn validate(&self) -> bool {
        self.port > 0
    }
}

#[derive(Deserialize, Config)]
#[config(validate)]
struct Elsewhere {
    port: u16,
}

impl Elsewhere {
    fn validate(&self, port: u16) -> Result<(), Invalid> {
        if self.port == port { Ok(()) } else { Err(Invalid::new("port", "is another")) }
    }
}

fn main() {}
