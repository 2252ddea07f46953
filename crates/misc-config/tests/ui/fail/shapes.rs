use misc_config::Config;
use serde::Deserialize;

#[derive(Deserialize, Config)]
struct Nothing;

#[derive(Deserialize, Config)]
struct Pair(u8, u8);

#[derive(Config)]
union Either {
    number: u32,
    float: f32,
}

fn main() {}
