#![deny(warnings)]

use misc_config::{
    Config, Invalid, Validate,
    schema::{Describe, Kind},
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Config)]
struct Pooled<T> {
    #[config(nested)]
    inner: T,
    #[config(nested)]
    spare: Option<T>,
    plain: Vec<T>,
}

#[derive(Deserialize, Config)]
#[config(validate)]
struct Odd {
    number: u8,
}

impl Odd {
    fn validate(&self) -> Result<(), Invalid> {
        if self.number % 2 == 0 { Err(Invalid::new("number", "is even")) } else { Ok(()) }
    }
}

#[derive(Default, Serialize, Deserialize, Config)]
#[serde(default)]
#[config(defaults)]
struct Shown {
    port: u16,
}

#[derive(Default, Deserialize, Config)]
#[serde(default)]
struct Hidden {
    port: u16,
}

fn defaults<C: Config>() -> bool {
    matches!(C::KIND, Kind::Struct(schema) if schema.defaults.is_some() && schema.fields[0].optional)
}

fn main() {
    let pooled = Pooled { inner: Odd { number: 2 }, spare: Some(Odd { number: 4 }), plain: vec![Odd { number: 6 }] };
    let mut invalid = Invalid::default();
    pooled.validate(&mut invalid);
    assert_eq!(invalid.to_string(), "inner.number: is even; spare.number: is even; plain.0.number: is even");
    assert_eq!(Pooled::<Odd>::NAME, env!("CARGO_PKG_NAME"));
    let Kind::Struct(schema) = Pooled::<Odd>::KIND else { panic!("a struct") };
    assert!(matches!(schema.fields[2].kind, Kind::List(Kind::Struct(_))));

    assert!(defaults::<Shown>());
    assert!(!defaults::<Hidden>());
    assert_eq!(Shown::default().port, Hidden::default().port);
}
