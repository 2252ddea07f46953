#![deny(warnings)]
#![allow(dead_code, reason = "they only stand in the way of what the derive writes")]

use serde::Deserialize;

struct Invalid;
struct Kind;
struct Schema;
struct Field;
trait Describe {}
trait Validate {}
mod core {}
mod misc_config {}
const INVALID: u8 = 0;

#[derive(Deserialize, ::misc_config::Config)]
#[config(validate)]
struct Shop {
    #[config(nested)]
    pool: Pool,
    invalid: u8,
}

impl Shop {
    fn validate(&self) -> Result<(), ::misc_config::Invalid> {
        Ok(())
    }
}

#[derive(Deserialize, ::misc_config::Config)]
struct Pool {
    size: u8,
}

fn main() {
    #[derive(Deserialize, ::misc_config::Config)]
    struct Local {
        #[config(nested)]
        shop: Shop,
    }
    let local = Local { shop: Shop { pool: Pool { size: INVALID }, invalid: 0 } };
    let mut invalid = ::misc_config::Invalid::default();
    ::misc_config::Validate::validate(&local, &mut invalid);
    assert!(invalid.is_empty());
}
