//! What the variants of an enum make of it.
#![expect(dead_code, reason = "only schemas count")]

use std::collections::HashMap;

use misc_macros::Describe;
use serde::Deserialize;

use crate::show::check;

#[derive(Describe, Deserialize)]
struct Local {
    path: String,
}

#[test]
fn plain_variants_are_names() {
    #[derive(Describe, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Format {
        /// One object a line.
        Json,
        #[serde(rename = "plain", alias = "text")]
        Text,
        #[serde(skip)]
        Hidden,
    }
    check::<Format>("<One object a line.> json | plain aka text");
}

#[test]
fn tags_bring_their_fields() {
    #[derive(Describe, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
    enum Store {
        Memory,
        /// Far away.
        RemoteDisk {
            /// Where.
            #[describe(default = "localhost", env = "HOST")]
            host_name: String,
            #[serde(default)]
            port: u16,
        },
        #[serde(rename_all = "kebab-case")]
        Cached {
            max_size: u8,
        },
    }
    check::<Store>(
        "kind: memory \
         | <Far away.> remote_disk {<Where.> hostName: text = localhost $HOST, port: 0..=65535 optional} \
         | cached {max-size: 0..=255}",
    );
}

#[test]
fn values_beside_a_tag_are_flat() {
    #[derive(Describe, Deserialize)]
    #[serde(tag = "kind")]
    enum Store {
        Local(Local),
        Other(HashMap<String, u8>),
    }
    check::<Store>("kind: Local {0: {path: text} flatten} | Other {0: {*: 0..=255} flatten}");
}

#[test]
fn variants_that_take_the_rest_leave_names_open() {
    #[derive(Describe, Deserialize)]
    enum Level {
        Info,
        #[serde(other)]
        Rest,
    }
    check::<Level>("text");

    #[derive(Describe, Deserialize)]
    #[serde(tag = "kind")]
    enum Store {
        Memory {
            size: u8,
        },
        #[serde(other)]
        Rest,
    }
    check::<Store>("any");
}

#[derive(Describe, Deserialize)]
struct Login {
    #[describe(secret)]
    pin: u16,
}

#[test]
fn other_enums_are_secret_where_a_variant_is() {
    #[derive(Describe, Deserialize)]
    enum External {
        Plain,
        Login(Login),
    }
    check::<External>("secret(any)");

    #[derive(Describe, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Pair(u8, Option<Login>),
        Name(String),
    }
    check::<Untagged>("secret(any)");

    #[derive(Describe, Deserialize)]
    #[serde(tag = "kind")]
    enum Partly {
        Login {
            #[describe(secret)]
            pin: u16,
        },
        #[serde(other)]
        Rest,
    }
    check::<Partly>("secret(any)");
}

#[test]
fn other_enums_that_hold_themselves_need_no_word_about_that() {
    #[derive(Describe, Deserialize)]
    #[expect(clippy::use_self, reason = "it may be called either way")]
    enum Tree {
        Leaf(u8),
        Node(Vec<Self>),
        Named(HashMap<String, Box<Tree>>),
    }
    check::<Tree>("any");
}

#[test]
fn other_enums_are_anything() {
    #[derive(Describe, Deserialize)]
    enum External {
        Plain,
        Local(Local),
    }
    check::<External>("any");

    #[derive(Describe, Deserialize)]
    #[serde(tag = "kind", content = "value")]
    enum Adjacent {
        Local(Local),
    }
    check::<Adjacent>("any");

    #[derive(Describe, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Local(Local),
    }
    check::<Untagged>("any");

    #[derive(Describe, Deserialize)]
    #[serde(tag = "kind")]
    enum Partly {
        Memory,
        #[serde(untagged)]
        Local(Local),
    }
    check::<Partly>("any");
}
