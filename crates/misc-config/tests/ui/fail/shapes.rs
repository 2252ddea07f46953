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

/// What is loaded, or is inside of something else, is not told to be missing, too.
#[derive(Deserialize, Config)]
struct Shop {
    #[config(nested)]
    pair: Pair,
}

fn main() {
    let _ = Pair::loader().load();
    let _ = Shop::loader().load();
}
