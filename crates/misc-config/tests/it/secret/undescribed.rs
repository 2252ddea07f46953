//! Secrets in what the schema knows nothing of.

use std::collections::BTreeMap;

use misc_config::{Config, Secret, Zeroize};
use serde::{Deserialize, Deserializer, de};

use super::{check_hidden, check_refused};

/// Reads itself, and does not describe itself.
#[derive(Debug, Default, Deserialize)]
struct Token(String);

impl Zeroize for Token {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

fn trimmed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    match String::deserialize(deserializer)?.trim() {
        text if text.contains(' ') => Err(de::Error::custom(format_args!("`{text}` has a space"))),
        text => Ok(Secret::from(text.to_owned())),
    }
}

#[derive(Debug, Deserialize, Config)]
#[expect(dead_code, reason = "only shown")]
struct Trimmed {
    #[serde(deserialize_with = "trimmed")]
    password: Secret<String>,
}

#[test]
fn a_secret_that_a_function_reads_is_one() {
    check_hidden::<Trimmed>("password: ' hunter2'");
    let reason = "password: is not as its type expects (the reason is not shown, since the value is secret)";
    check_refused::<Trimmed>("password: hunter 2", reason);
    check_refused::<Trimmed>("password: '******'", "password: is masked: put in the secret itself");
}

/// One key, of any type.
#[derive(Debug, Deserialize, Config)]
struct Only<T> {
    it: T,
}

#[derive(Debug, Deserialize, Config)]
#[expect(dead_code, reason = "only shown")]
enum Auth {
    None,
    Token(Secret<Token>),
    Basic { user: String, password: Secret<String> },
    Both(String, Secret<String>),
}

#[derive(Debug, Deserialize, Config)]
#[serde(untagged)]
#[expect(dead_code, reason = "only shown")]
enum Untagged {
    Name(String),
    Login { password: Secret<String> },
}

#[derive(Debug, Deserialize, Config)]
#[serde(tag = "kind", content = "value")]
#[expect(dead_code, reason = "only shown")]
enum Adjacent {
    Login(Option<Secret<String>>),
}

#[derive(Debug, Deserialize, Config)]
#[serde(tag = "kind")]
#[expect(dead_code, reason = "only shown")]
enum Rest {
    Login {
        #[config(secret)]
        password: String,
    },
    #[serde(other)]
    None,
}

/// Holds itself, and needs no word about that.
#[derive(Debug, Deserialize, Config)]
#[expect(dead_code, reason = "only shown")]
enum Tree {
    Leaf(Secret<String>),
    Node(Vec<Self>),
}

/// Holds itself by way of another type.
#[derive(Debug, Deserialize, Config)]
#[config(kind = misc_config::schema::Kind::Any)]
#[expect(dead_code, reason = "only shown")]
enum Rule {
    All(Group),
    Key(Secret<String>),
}

#[derive(Debug, Deserialize, Config)]
struct Group {
    rules: Vec<Rule>,
}

#[test]
fn an_enum_of_which_anything_goes_is_secret_where_a_variant_has_a_secret() {
    check_hidden::<Only<Auth>>("it: {Basic: {user: me, password: hunter2}}");
    check_hidden::<Only<Option<Auth>>>("it: {Token: hunter2}");
    check_hidden::<Only<Vec<Auth>>>("it: [{Both: [me, hunter2]}, None]");
    check_hidden::<Only<Untagged>>("it: {password: hunter2}");
    check_hidden::<Only<Adjacent>>("it: {kind: Login, value: hunter2}");
    check_hidden::<Only<Rest>>("it: {kind: Login, password: hunter2}");
    check_hidden::<Only<Tree>>("it: {Node: [{Leaf: hunter2}]}");
    check_hidden::<Only<Group>>("it: {rules: [{All: {rules: [{Key: hunter2}]}}]}");
    let reason = "it: is not as its type expects (the reason is not shown, since the value is secret)";
    check_refused::<Only<Auth>>("it: hunter2", reason);
}

#[derive(Debug, Deserialize, Config)]
struct Tokens {
    one: Secret<Token>,
    #[config(text)]
    said: Option<Secret<Token>>,
    #[serde(default)]
    all: Vec<Secret<Token>>,
    #[serde(default)]
    named: BTreeMap<String, Secret<Token>>,
}

#[test]
fn a_secret_of_a_type_that_does_not_describe_itself_is_one() {
    check_hidden::<Tokens>("{one: hunter2, said: hunter3, all: [hunter4], named: {a: hunter5}}");
}

#[derive(Debug, Deserialize, Config)]
#[serde(try_from = "String")]
struct Password(Secret<String>);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

#[derive(Debug, Deserialize, Config)]
#[serde(transparent)]
#[config(kind = misc_config::schema::Kind::Text)]
struct Said(Secret<String>);

#[test]
fn what_is_read_as_another_type_is_secret_where_it_holds_a_secret() {
    check_hidden::<Only<Password>>("it: hunter2");
    check_hidden::<Only<Said>>("it: hunter2");
}

mod auth {
    use super::*;

    #[derive(Debug, Deserialize, Config)]
    pub(super) struct Config {
        password: Secret<String>,
    }
}

/// It has the name of what it holds.
mod outer {
    use super::*;

    #[derive(Debug, Deserialize, Config)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only shown")]
    pub(super) enum Config {
        Auth(auth::Config),
    }
}

#[test]
fn a_name_that_both_have_hides_no_secret_from_us() {
    check_hidden::<Only<outer::Config>>("it: {auth: {password: hunter2}}");
}

mod vault {
    use super::*;

    /// It describes itself, and is called as what it is not.
    #[derive(Debug, Deserialize, Config)]
    pub(super) struct Secret {
        pub(super) path: String,
    }
}

#[test]
fn what_describes_itself_is_not_secret_by_its_name() {
    let args = ["app", "--it-path", "here"];
    let only = Only::<vault::Secret>::loader().cli_from(args).load().unwrap();
    assert_eq!(only.it.path, "here");
}

#[derive(Debug, Deserialize, Config)]
struct Raw {
    port: u16,
    password: String,
}

#[derive(Debug, Deserialize, Config)]
#[serde(from = "Raw")]
struct Made {
    port: u16,
    password: Secret<String>,
}

impl From<Raw> for Made {
    fn from(raw: Raw) -> Self {
        Self { port: raw.port, password: raw.password.into() }
    }
}

#[test]
fn what_is_made_of_another_type_has_the_keys_of_that() {
    let made = Made::loader().env_from([("PORT", "1")]).cli_from(["app", "--password", "hunter2"]).load().unwrap();
    assert_eq!((made.port, &**made.password.expose()), (1, "hunter2"));
}
