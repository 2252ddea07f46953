use misc_config::Config;
use serde::Deserialize;

#[derive(Deserialize, Config)]
#[config(env_prefix = 3)]
struct Shop {
    #[config(default = 4 * 1024)]
    size: u16,
    #[config(default = Level::Info)]
    level: String,
    #[config(default = [1, two()])]
    list: Vec<u8>,
    #[config(env = "")]
    host: String,
    #[config(env = "A=B")]
    port: u16,
    #[config(env = PORT)]
    admin: u16,
    #[config(short = '-')]
    debug: bool,
    #[config(short = "q")]
    quiet: bool,
}

#[derive(Deserialize, Config)]
#[config(env_prefix = "app")]
struct Lower {}

#[derive(Deserialize, Config)]
#[config(env_prefix = "APP_")]
struct Trailing {}

#[derive(Deserialize, Config)]
#[config(env_prefix = "")]
struct Empty {}

#[derive(Deserialize, Config)]
#[config(crate = "no path")]
struct Pathless {}

fn main() {}
