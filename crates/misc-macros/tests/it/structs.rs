//! What the attributes of a struct make of it.
#![expect(dead_code, reason = "only schemas count")]

use std::collections::BTreeMap;

use misc_core::schema::{Describe, Kind};
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

use crate::show::check;

#[test]
fn docs_and_order_are_kept() {
    /// The settings of a pool.
    #[derive(Describe)]
    struct Pool {
        /// At least.
        min: u8,
        /// At most.
        max: u8,
    }
    check::<Pool>("<The settings of a pool.> {<At least.> min: 0..=255, <At most.> max: 0..=255}");
}

#[test]
fn structs_may_have_no_fields() {
    #[derive(Describe)]
    struct Empty {}
    check::<Empty>("{}");
}

#[test]
fn defaults_come_from_the_struct() {
    #[derive(Describe, Serialize, Deserialize)]
    #[serde(default)]
    struct Pool {
        min: u8,
        max: u8,
    }
    impl Default for Pool {
        fn default() -> Self {
            Self { min: 1, max: 8 }
        }
    }
    check::<Pool>("{min: 0..=255 optional, max: 0..=255 optional}..");
    let Kind::Struct(schema) = Pool::KIND else { panic!("a struct") };
    let defaults = schema.defaults.map(|defaults| serde_json::to_string(&defaults()).unwrap());
    assert_eq!(defaults.as_deref(), Some(r#"{"min":1,"max":8}"#));
}

#[test]
fn newtypes_look_like_what_they_hold() {
    #[derive(Describe)]
    struct Port(u16);
    check::<Port>("0..=65535");

    #[derive(Describe)]
    struct Password(#[describe(secret)] String);
    check::<Password>("secret(text)");

    #[derive(Describe, Deserialize)]
    #[serde(transparent)]
    struct Size {
        #[describe(bytes)]
        bytes: u8,
        #[serde(skip)]
        read: bool,
    }
    check::<Size>("bytes(0..=255)");
}

#[test]
fn what_is_read_instead_is_what_counts() {
    #[derive(Describe, Clone, Deserialize)]
    #[serde(from = "u16")]
    struct Port {
        number: u16,
    }
    impl From<u16> for Port {
        fn from(number: u16) -> Self {
            Self { number }
        }
    }
    check::<Port>("0..=65535");

    #[derive(Describe, Clone, Deserialize)]
    #[serde(try_from = "String")]
    enum Level {
        Number(u8),
    }
    impl TryFrom<String> for Level {
        type Error = std::num::ParseIntError;
        fn try_from(text: String) -> Result<Self, Self::Error> {
            text.parse().map(Self::Number)
        }
    }
    check::<Level>("text");
}

#[test]
fn kinds_may_be_given() {
    #[derive(Describe)]
    #[describe(kind = Kind::Integer { min: 1, max: 6 })]
    struct Die;
    check::<Die>("1..=6");

    /// Holds itself, which no table can.
    #[derive(Describe)]
    #[describe(kind = Kind::Any)]
    struct Tree {
        branches: Vec<Self>,
    }
    check::<Tree>("any");
}

#[test]
fn type_parameters_describe_themselves() {
    #[derive(Describe)]
    struct Limits<T, const N: usize>
    where
        T: Copy,
    {
        each: T,
        named: BTreeMap<String, T>,
        #[describe(nested)]
        first: Option<T>,
        #[describe(text)]
        range: [T; N],
    }
    check::<Limits<u8, 2>>("{each: 0..=255, named: {*: 0..=255}, first: 0..=255? optional, range: text}");
    check::<Limits<bool, 2>>("{each: bool, named: {*: bool}, first: bool? optional, range: text}");
}

#[test]
fn type_parameters_that_have_no_say_describe_nothing() {
    #[derive(Debug)]
    struct Silent;
    #[derive(Describe)]
    struct Named<T> {
        #[describe(text)]
        name: T,
    }
    check::<Named<Silent>>("{name: text}");
}

#[test]
fn names_of_the_prelude_may_be_shadowed() {
    mod shadowed {
        struct Option;
        struct Some;
        trait Describe {}
        mod core {}
        mod std {}
        mod misc_core {}

        /// Shadows.
        #[derive(::misc_macros::Describe, serde::Serialize, serde::Deserialize, Default)]
        #[serde(default)]
        pub(super) struct Settings {
            pub(super) port: u16,
        }
    }
    check::<shadowed::Settings>("<Shadows.> {port: 0..=65535 optional}..");
}

#[test]
fn owner_may_be_named() {
    use misc_core as renamed;

    #[derive(Describe)]
    #[describe(crate = "renamed")]
    struct Port(u16);
    check::<Port>("0..=65535");
}
