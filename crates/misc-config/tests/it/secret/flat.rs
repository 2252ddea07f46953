//! Secret sections and maps whose keys stand beside others.

use std::collections::{BTreeMap, HashMap};

use misc_config::Config;
use serde::Deserialize;

use super::{check_printed, check_refused};

#[derive(Debug, Deserialize, Config)]
struct Door {
    name: String,
    #[serde(flatten)]
    #[config(secret)]
    login: Login,
    #[serde(flatten)]
    #[config(secret, nested)]
    spare: Option<Spare>,
}

#[derive(Debug, Deserialize, Config)]
struct Login {
    pin: u32,
    port: Option<Even>,
}

#[derive(Debug, Deserialize, Config)]
struct Spare {
    key: u32,
}

/// Tells what it does not like.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
#[expect(dead_code, reason = "only shown")]
struct Even(u32);

impl TryFrom<u32> for Even {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

#[derive(Debug, Deserialize, Config)]
struct Stored {
    #[config(nested)]
    store: Store,
}

#[derive(Debug, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(dead_code, reason = "only shown")]
enum Store {
    Custom {
        name: String,
        #[serde(flatten)]
        #[config(secret)]
        options: HashMap<String, u8>,
    },
}

const HIDDEN: &str = "is not as its type expects (the reason is not shown, since the value is secret)";

#[test]
fn keys_of_a_flattened_secret_section_are_secret() {
    let integer = "expected an integer from 0 to 4294967295, found a text";
    check_refused::<Door>("{name: a, pin: hunter2, key: hunter3}", &format!("pin: {integer}\nkey: {integer}"));
    check_refused::<Door>("{name: a, pin: 1, port: 7}", &format!("port: {HIDDEN}"));
    check_printed::<Door>(
        "{name: a, pin: 27, key: 28}",
        "name: a\npin: \"******\"\nkey: \"******\"",
        "pin: is masked: put in the secret itself\nkey: is masked: put in the secret itself",
    );
}

#[derive(Debug, Deserialize, Config)]
struct Pins {
    name: String,
    #[serde(flatten)]
    #[config(secret)]
    pins: HashMap<String, u32>,
}

#[derive(Debug, Deserialize, Config)]
struct Evens {
    name: String,
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Debug, Deserialize, Config)]
struct Inner {
    #[serde(flatten)]
    #[config(secret)]
    all: BTreeMap<String, Even>,
}

#[test]
fn values_of_a_flattened_secret_map_are_secret() {
    let integer = "expected an integer from 0 to 4294967295, found a text";
    check_refused::<Pins>("{name: a, front: hunter2}", &format!("front: {integer}"));
    check_printed::<Pins>(
        "{name: a, front: 27}",
        "name: a\nfront: \"******\"",
        "front: is masked: put in the secret itself",
    );
    let integer = "expected an integer from 0 to 255, found a text";
    check_refused::<Stored>("store: {kind: custom, name: a, pin: hunter2}", &format!("store.pin: {integer}"));
    check_printed::<Stored>(
        "store: {kind: custom, name: a, pin: '27'}",
        "store:\n  kind: custom\n  name: a\n  pin: \"******\"",
        "store.pin: is masked: put in the secret itself",
    );
    check_printed::<Evens>(
        "{name: a, front: 28}",
        "name: a\nfront: \"******\"",
        "front: is masked: put in the secret itself",
    );
}
