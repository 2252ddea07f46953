use misc_config::Config;
use serde::Deserialize;

#[derive(Default, Deserialize, Config)]
#[serde(default)]
#[config(defaults)]
struct Shop {
    port: u16,
}

fn main() {}
