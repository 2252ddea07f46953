use misc_config::Config;
use serde::Deserialize;

#[derive(Deserialize, Config)]
struct Shop {
    #[config(nested)]
    pool: Option<Pool>,
}

#[derive(Deserialize)]
struct Pool {
    size: u8,
}

fn main() {}
