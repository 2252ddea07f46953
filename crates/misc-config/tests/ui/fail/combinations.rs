use misc_config::Config;
use serde::Deserialize;

#[derive(Deserialize, Config)]
#[config(defaults)]
struct Shop {
    #[config(text, duration)]
    wait: String,
    #[config(nested, default = "{}")]
    pool: Pool,
    #[config(default = "{}", env = "POOL", short = 'p')]
    #[serde(flatten)]
    flat: Pool,
}

#[derive(Deserialize, Config)]
struct Pool {
    size: u8,
}

#[derive(Deserialize, Config)]
struct Port(#[config(default = 8000)] u16);

fn main() {}
