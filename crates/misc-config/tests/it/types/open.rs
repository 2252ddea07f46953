//! Sections with a map beside their keys, which takes all others.

use std::{collections::BTreeMap, time::Duration};

use misc_config::Config;
use serde::Deserialize;

use super::{Mirror, check, check_refused, mirror, text};

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Open {
    #[serde(flatten)]
    #[config(nested)]
    inner: OpenInside,
    port: u16,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct OpenInside {
    name: Option<String>,
    #[serde(flatten)]
    #[config(nested)]
    rest: BTreeMap<String, Mirror>,
}

#[test]
fn the_keys_that_a_map_takes_are_read_as_those_of_any_map() {
    let report = "a.port: expected an integer from 0 to 65535, found an integer `70000`\n    at config.yaml:1:39";
    check_refused::<Open>("{port: 1, name: x, a: {host: c, port: 70000}}", report);
    let report = "a.host: is required, and not set\n    at config.yaml:1:14";
    check_refused::<Open>("{port: 1, a: {port: 7}}", report);
    let report = "a.prt: is not a key\n    at config.yaml:1:29\n    did you mean `a.port`?";
    check_refused::<Open>("{port: 1, a: {host: c, prt: 1}}", report);
    check_refused::<Open>("{port: 1, a: 5}", "a: expected a section, found an integer `5`\n    at config.yaml:1:14");
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct OpenMap {
    port: u16,
    name: String,
    #[serde(flatten)]
    #[config(nested)]
    rest: BTreeMap<String, Mirror>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct OpenSpans {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, Duration>,
}

#[test]
fn the_values_of_a_flattened_map_are_converted() {
    let rest = BTreeMap::from([(text("a"), mirror("x", 6)), (text("b"), mirror("y", 80))]);
    let yaml = "{port: '5', name: 1s, a: {host: x, port: '6'}, b: {host: y, pause: 1s}}";
    check(yaml, &[], &OpenMap { port: 5, name: text("1s"), rest });
    let rest = BTreeMap::from([(text("a"), Duration::from_secs(1))]);
    check("{name: 2s, a: 1s}", &[], &OpenSpans { name: text("2s"), rest });
}
