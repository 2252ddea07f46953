//! What was printed without its passwords is not taken for what it was.

use std::collections::BTreeMap;

use misc_config::Config;
use serde::Deserialize;

use super::{check_printed, check_refused, loader};

#[derive(Debug, Deserialize, Config)]
struct Urls {
    url: Option<String>,
    #[serde(default)]
    all: Vec<String>,
    any: Option<serde_json::Value>,
    #[config(secret, nested)]
    vault: Option<Vault>,
    #[serde(default)]
    named: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, Config)]
struct Vault {
    role: String,
}

const MASKED: &str = "is masked: put in the secret itself";

#[test]
fn a_masked_password_in_a_url_is_refused() {
    check_printed::<Urls>(
        "url: postgres://shop:hunter2@db/shop",
        "url: postgres://shop:******@db/shop\n# all: set by the program\n# any: not set\n# vault: not set\n\
         # named: set by the program",
        &format!("url: {MASKED}"),
    );
    check_refused::<Urls>("url: 'a://h?password=******&x=y'", &format!("url: {MASKED}"));
    check_refused::<Urls>("url: host=h password=****** dbname=x", &format!("url: {MASKED}"));
    let all = format!("all.1: {MASKED}\nany.a.0: {MASKED}\nvault.role: {MASKED}\nnamed.b: {MASKED}");
    check_refused::<Urls>(
        "all: [x, 'a://u:******@h']\nany: {a: ['a://u:******@h']}\nvault: {role: '******'}\n\
         named: {a: '******', b: 'a://u:******@h'}",
        &all,
    );
    let urls: Urls = loader("{url: 'a://h?x=******&password=*', all: ['******']}").load().unwrap();
    assert_eq!(urls.all, ["******"]);
}

#[derive(Debug, Deserialize, Config)]
struct Open {
    name: String,
    #[serde(flatten)]
    rest: Rest,
}

/// Of which nothing is known.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only shown")]
struct Rest {
    url: String,
}

#[test]
fn a_masked_password_is_refused_beside_other_keys() {
    check_printed::<Open>(
        "{name: a, url: 'a://u:hunter2@h'}",
        "name: a\nurl: a://u:******@h",
        &format!("url: {MASKED}"),
    );
}
