//! What a field's type and its attributes make of it.

use std::{collections::HashMap, time::Duration};

use misc_core::schema::{self, Kind};
use misc_macros::Describe;
use serde::Deserialize;

use crate::show::check;

/// Tells nothing about itself.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only its type counts")]
struct Silent(u8);

/// Says that it is secret.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only its type counts")]
struct Hidden(u8);

impl schema::Describe for Hidden {
    const KIND: Kind = Kind::Secret(&u8::KIND);
}

/// Says so by its name alone.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only its name counts")]
struct Secret(u8);

#[derive(Deserialize, Describe)]
#[expect(dead_code, reason = "only its schema counts")]
struct Inner {
    port: u16,
}

/// Derives a struct with one field, and checks how that looks.
macro_rules! check_field {
    ($expected:literal: $($field:tt)+) => {{
        #[derive(Describe, Deserialize)]
        #[expect(dead_code, reason = "only its schema counts")]
        struct Outer {
            $($field)+
        }
        check::<Outer>(concat!("{", $expected, "}"));
    }};
}

#[test]
fn types_that_describe_themselves_are_known() {
    check_field!("port: 0..=65535": port: u16);
    check_field!("on: bool": on: bool);
    check_field!("wait: duration": wait: Duration);
    check_field!("names: [text]": names: Vec<String>);
    check_field!("shares: {*: 0..=255}": shares: HashMap<String, u8>);
    check_field!("inner: {port: 0..=65535}": inner: Inner);
}

#[test]
fn types_that_do_not_are_anything() {
    check_field!("silent: any": silent: Silent);
    check_field!("silent: any": silent: Vec<Silent>);
    check_field!("silent: any? optional": silent: Option<Silent>);
}

#[test]
#[expect(unused_qualifications, reason = "the last name of a path is what counts")]
fn options_may_be_left_out() {
    check_field!("port: 0..=65535? optional": port: Option<u16>);
    check_field!("port: 0..=65535? optional": port: core::option::Option<u16>);
    check_field!("inner: {port: 0..=65535}? optional": #[describe(nested)] inner: Option<Inner>);
}

#[test]
fn options_with_a_reader_of_their_own_may_not() {
    fn read<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<u16>, D::Error> {
        Option::deserialize(reader)
    }
    check_field!("port: any": #[serde(deserialize_with = "read")] port: Option<u16>);
    check_field!("port: duration": #[serde(deserialize_with = "read")] #[describe(duration)] port: Option<u16>);
    check_field!("port: any optional": #[serde(deserialize_with = "read", default)] port: Option<u16>);
}

#[test]
fn defaults_are_texts() {
    check_field!("host: text = 0.0.0.0": #[describe(default = "0.0.0.0")] host: String);
    check_field!("port: 0..=65535 = 8000": #[describe(default = 8_000)] port: u16);
    check_field!("shift: -128..=127 = -3": #[describe(default = -3)] shift: i8);
    check_field!("share: float = 0.5": #[describe(default = 0.5)] share: f64);
    check_field!("on: bool = false": #[describe(default = false)] on: bool);
    check_field!("mark: text = x": #[describe(default = 'x')] mark: char);
    check_field!("names: [text] = [\"a\",\"b\"]": #[describe(default = ["a", "b"])] names: Vec<String>);
    check_field!("port: 0..=65535? = 1 optional": #[describe(default = 1)] port: Option<u16>);
}

#[test]
fn literals_may_come_through_macros() {
    macro_rules! with_default {
        ($value:literal, $value_expression:expr) => {
            check_field!("port: 0..=65535 = 7": #[describe(default = $value)] port: u16);
            check_field!("port: 0..=65535 = 7": #[describe(default = $value_expression)] port: u16);
        };
    }
    with_default!(7, 7);
}

#[test]
fn variables_and_flags_are_named() {
    check_field!("port: 0..=65535 $APP_PORT -p": #[describe(env = "APP_PORT", short = 'p')] port: u16);
    check_field!("name: text keep_empty": #[describe(keep_empty)] name: String);
    check_field!("port: 0..=65535 $APP_PORT -p": #[describe(env = "APP_PORT")] #[describe(short = 'p')] port: u16);
}

#[test]
fn kinds_are_said_where_types_do_not() {
    check_field!("silent: text": #[describe(text)] silent: Silent);
    check_field!("silent: text? optional": #[describe(text)] silent: Option<Silent>);
    check_field!("wait: duration": #[describe(duration)] wait: Silent);
    check_field!("size: bytes(0..=65535)": #[describe(bytes)] size: u16);
    check_field!("size: bytes(0..=65535)? optional": #[describe(bytes)] size: Option<u16>);
    check_field!("password: secret(text)": #[describe(secret)] password: String);
    check_field!("password: secret(text?) optional": #[describe(secret, text)] password: Option<Silent>);
}

#[test]
fn secrets_stay_secret_whatever_is_said() {
    fn read<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<T, D::Error> {
        T::deserialize(reader)
    }
    check_field!("pin: secret(0..=255)": pin: Hidden);
    check_field!("pin: secret(any)": #[serde(deserialize_with = "read")] pin: Hidden);
    check_field!("pins: secret(any)": #[serde(deserialize_with = "read")] pins: Vec<Option<Hidden>>);
    check_field!("pin: secret(text)? optional": #[describe(text)] pin: Option<Hidden>);
    check_field!("pin: secret(any)? optional": pin: Option<Secret>);
    check_field!("pins: secret(any)": pins: HashMap<String, Secret>);
    check_field!("pins: secret(duration)": #[describe(duration)] pins: Vec<Secret>);
}

#[test]
fn serde_names_fields() {
    check_field!("type: text": r#type: String);
    check_field!("Port: 0..=65535": #[serde(rename = "Port")] port: u16);
    check_field!("in: 0..=65535": #[serde(rename(serialize = "out", deserialize = "in"))] port: u16);
    check_field!("port: 0..=65535": #[serde(rename(serialize = "out"))] port: u16);
    check_field!("port: 0..=65535 aka p aka listen": #[serde(alias = "p", alias = "listen")] port: u16);
}

#[test]
fn serde_decides_what_is_read() {
    check_field!("port: 0..=65535 optional": #[serde(default)] port: u16);
    check_field!("port: 0..=65535 optional": #[serde(default = "u16::default")] port: u16);
    check_field!("": #[serde(skip)] port: u16);
    check_field!("": #[serde(skip_deserializing)] port: u16);
    check_field!("port: 0..=65535": #[serde(skip_serializing)] port: u16);
    check_field!("inner: {port: 0..=65535} flatten": #[serde(flatten)] inner: Inner);
    check_field!("inner: {port: 0..=65535} flatten": #[serde(flatten)] #[describe(nested)] inner: Inner);
    check_field!("rest: {*: text} flatten": #[serde(flatten)] rest: HashMap<String, String>);
}

#[test]
fn fields_that_are_configured_out_are_not_there() {
    check_field!("port: 0..=65535": #[cfg(any())] gone: u8, #[cfg(all())] port: u16);
    check_field!("port: 0..=65535 = 1": #[cfg_attr(all(), describe(default = 1))] port: u16);
}

#[test]
fn docs_are_their_lines() {
    check_field!("<How many.\n\n  Indented, \"quoted\".> port: 0..=65535":
        /// How many.
        ///
        ///   Indented, "quoted".
        port: u16
    );
    check_field!("<From an attribute.> port: 0..=65535": #[doc = "From an attribute."] #[doc(hidden)] port: u16);
}
