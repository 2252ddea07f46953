//! The tables that describe settings.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    num::NonZeroU16,
    path::PathBuf,
    time::Duration,
};

use misc_core::{
    Address,
    schema::{Defaults, Describe, Field, Kind, Probe, Schema, Undescribed as _},
};
use serde::Serialize;

#[derive(Default, Serialize)]
struct Cache {
    entries: u32,
}

impl Describe for Cache {
    const KIND: Kind = Kind::Struct(
        &Schema::new("A cache.", &[Field::new("entries", &u32::KIND)]).defaults(|| Defaults::of(Self::default())),
    );
}

/// A type that says nothing of itself.
struct Silent;

#[track_caller]
fn check<T: Describe>(expected: &str) {
    assert_eq!(format!("{:?}", T::KIND), expected);
}

#[test]
fn numbers_know_their_range() {
    check::<u16>("Integer { min: 0, max: 65535 }");
    check::<i8>("Integer { min: -128, max: 127 }");
    check::<NonZeroU16>("Integer { min: 1, max: 65535 }");
    check::<f32>("Float");
}

#[test]
fn what_is_written_as_text_is_a_text() {
    check::<String>("Text");
    check::<PathBuf>("Text");
    check::<SocketAddr>("Text");
    check::<Address>("Text");
    check::<Duration>("Duration");
}

#[test]
fn containers_have_the_kind_of_what_is_in_them() {
    check::<Option<bool>>("Optional(Bool)");
    check::<Vec<Option<f64>>>("List(Optional(Float))");
    check::<HashSet<String>>("List(Text)");
    check::<HashMap<String, bool>>("Map(Bool)");
    check::<BTreeMap<u8, Box<bool>>>("Map(Bool)");
}

#[test]
fn a_struct_has_keys_and_its_own_defaults() {
    let Kind::Struct(schema) = Cache::KIND else { panic!("a struct") };
    assert_eq!((schema.docs, schema.fields[0].name), ("A cache.", "entries"));
    let defaults = schema.defaults.expect("it has some")();
    assert_eq!(serde_json::to_string(&defaults).unwrap(), r#"{"entries":0}"#);
}

#[test]
fn a_type_that_says_nothing_may_be_anything() {
    const KINDS: [&Kind; 3] = [Probe::<u8>::KIND, Probe::<Silent>::KIND, Probe::<Vec<Silent>>::KIND];
    assert_eq!(format!("{KINDS:?}"), "[Integer { min: 0, max: 255 }, Any, Any]");
}
