#![deny(warnings)]

use std::collections::BTreeMap;

use misc_config::{Config, Invalid, Validate, schema};
use serde::Deserialize;

#[derive(Deserialize, Config)]
#[config(validate)]
struct Shop {
    #[config(nested)]
    pool: Pool,
    #[config(nested)]
    spare: Option<Pool>,
    #[config(nested)]
    #[serde(rename = "more-pools")]
    more: Vec<Pool>,
    #[config(nested)]
    named: BTreeMap<String, Pool>,
    #[serde(flatten)]
    flat: Pool,
    #[config(nested)]
    store: Store,
    #[config(nested)]
    ruleless: Ruleless,
    #[config(nested)]
    wrapped: Wrapped,
    unasked: Pool,
    #[serde(default)]
    unasked_more: Option<Vec<Pool>>,
    #[serde(skip)]
    skipped: Option<Pool>,
    #[serde(deserialize_with = "Pool::deserialize")]
    custom: Pool,
    number: u8,
}

#[derive(Deserialize, Config)]
struct Generic<T>(T);

impl Shop {
    fn validate(&self) -> Result<(), Invalid> {
        Err(Invalid::new("", "is closed").and("pool", "leaks"))
    }
}

#[derive(Clone, Deserialize, Config)]
#[config(validate)]
struct Pool {
    min: u8,
    max: u8,
}

impl Pool {
    fn validate(&self) -> Result<(), Invalid> {
        if self.min > self.max {
            return Err(Invalid::new("min", format!("{} is above `max`", self.min)));
        }
        Ok(())
    }
}

#[derive(Deserialize, Config)]
#[serde(tag = "kind")]
#[config(validate)]
enum Store {
    Memory { size: u8 },
}

impl Store {
    fn validate(&self) -> Result<(), Invalid> {
        let Self::Memory { size } = self;
        if *size == 0 { Err(Invalid::new("size", "is nothing")) } else { Ok(()) }
    }
}

#[derive(Deserialize, Config)]
struct Wrapped(#[config(nested)] Pool);

/// Only describes itself.
#[derive(Deserialize)]
struct Ruleless;

impl schema::Describe for Ruleless {
    const KIND: schema::Kind = schema::Kind::Any;
}

fn main() {
    let pool = |min| Pool { min, max: 2 };
    let shop = Shop {
        pool: pool(9),
        spare: Some(pool(8)),
        more: vec![pool(1), pool(7)],
        named: BTreeMap::from([("hot".to_owned(), pool(6))]),
        flat: pool(5),
        store: Store::Memory { size: 0 },
        ruleless: Ruleless,
        wrapped: Wrapped(pool(4)),
        unasked: pool(3),
        unasked_more: Some(vec![pool(11)]),
        skipped: Some(pool(12)),
        custom: pool(13),
        number: 0,
    };
    let mut invalid = Invalid::default();
    Validate::validate(&shop, &mut invalid);
    let found: Vec<String> = invalid.problems().map(|(path, message)| format!("{path}: {message}")).collect();
    let expected = [
        ": is closed",
        "pool: leaks",
        "pool.min: 9 is above `max`",
        "spare.min: 8 is above `max`",
        "more-pools.1.min: 7 is above `max`",
        "named.hot.min: 6 is above `max`",
        "min: 5 is above `max`",
        "store.size: is nothing",
        "wrapped.min: 4 is above `max`",
        "unasked.min: 3 is above `max`",
        "unasked_more.0.min: 11 is above `max`",
    ];
    assert_eq!(found, expected);
    assert!(shop.skipped.is_some() && shop.custom.min > shop.number);
    Validate::validate(&Generic(0), &mut invalid);
    assert_eq!(invalid.problems().count(), expected.len());
}
