use misc_config::Config;
use serde::Deserialize;

#[derive(Deserialize, Config)]
struct Shop {
    #[serde(rename = "listen.port")]
    port: u16,
}

#[derive(Deserialize, Config)]
#[serde(tag = "store.kind")]
enum Store {
    Memory,
}

fn main() {}
