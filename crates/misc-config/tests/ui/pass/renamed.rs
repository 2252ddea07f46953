#![deny(warnings)]

// As a crate does that hands misc-config on to its users.
mod toolkit {
    pub use misc_config as settings;
}

#[derive(serde::Deserialize, toolkit::settings::Config)]
#[config(crate = "crate::toolkit::settings", env_prefix = "SHOP_2")]
struct Shop {
    port: u16,
}

fn main() {
    assert_eq!(<Shop as toolkit::settings::Config>::PREFIX, "SHOP_2");
    assert_eq!(Shop { port: 1 }.port, 1);
}
