use misc_config::Config;
use serde::Deserialize;

#[derive(Deserialize, Config)]
#[config(env_prefx = "APP")]
#[config]
struct Shop {
    #[config(defualt = 8000)]
    port: u16,
    #[config(colour)]
    host: String,
    #[config(default = 1, default = 2)]
    workers: u8,
    #[config(short = 'w')]
    #[config(short = 'x')]
    waiters: u8,
    #[config(secret = true, nested(deep))]
    password: String,
    #[config(env)]
    debug: bool,
    #[config(= 3)]
    level: u8,
}

#[derive(Deserialize, Config)]
#[config(env_prefix = "APP")]
enum Format {
    #[config(default)]
    Json,
}

fn main() {}
