//! What templates look like.

use misc_core::schema::{Describe, Schema};
use saphyr_parser::{Event, Parser};

use super::*;
use crate::sample::SHOP;

fn check<const N: usize>(docs: &'static str, fields: [Field; N], expected: &str) {
    let schema = Box::leak(Box::new(Schema::new(docs, Box::leak(Box::new(fields)))));
    let kind = Box::leak(Box::new(Kind::Struct(schema)));
    assert_eq!(template(kind, &Keys::of(kind, "APP")), expected.trim());
}

/// Returns the keys and values of a file, without those that are comments.
fn scalars(file: &str) -> Vec<String> {
    let events = Parser::new_from_str(file).map(|event| event.unwrap().0);
    let scalar = |event| if let Event::Scalar(text, ..) = event { Some(text.into_owned()) } else { None };
    events.filter_map(scalar).collect()
}

#[test]
fn documents_each_key() {
    const PAGE: Schema = Schema::new("", &[Field::new("length", &u16::KIND).default("5")]);
    check(
        "Sells things.",
        [
            Field::new("port", &u16::KIND).docs("Port to listen on.\n\nZero takes any.").default("8000").short('p'),
            Field::new("url", &Kind::Secret(&Kind::Text)),
            Field::new("size", &Kind::Optional(&Kind::Bytes(&u64::KIND))).env("MAX_SIZE"),
            Field::new("pin", &Kind::Secret(&Kind::Text)).default("hunter2"),
            Field::new("page", &Kind::Struct(&PAGE)).flatten(),
            Field::new("rest", &Kind::Map(&Kind::Bool)).docs("What else there is.").flatten(),
        ],
        "
# Sells things.

# Port to listen on.
#
# Zero takes any.
# integer from 0 to 65535; APP_PORT, --port, -p
# port: 8000

# secret text; APP_URL (better: APP_URL_FILE), --url
url: # must be set

# size, such as 512KiB or 10MiB; MAX_SIZE, --size
# size:

# secret text; APP_PIN (better: APP_PIN_FILE), --pin
# pin:

# integer from 0 to 65535; APP_LENGTH, --length
# length: 5

# What else there is.
# any other keys, each: true or false
",
    );
}

#[test]
fn comments_sections_that_need_nothing() {
    const NEEDS: Schema =
        Schema::new("", &[Field::new("a", &Kind::Text), Field::new("b", &Kind::Bool).default("true")]);
    const HAS: Schema = Schema::new("What it has.", &[Field::new("b", &Kind::Bool).default("true")]);
    check(
        "",
        [
            Field::new("needs", &Kind::Struct(&NEEDS)).docs("What it needs."),
            Field::new("has", &Kind::Struct(&HAS)),
            Field::new("may", &Kind::Optional(&Kind::Struct(&NEEDS))),
        ],
        "
# What it needs.
needs:
  # text; APP_NEEDS_A, --needs-a
  a: # must be set

  # true or false; APP_NEEDS_B, --needs-b
  # b: true

# What it has.
# has:
#   # true or false; APP_HAS_B, --has-b
#   b: true

# may:
#   # text; APP_MAY_A, --may-a
#   a: # must be set
#
#   # true or false; APP_MAY_B, --may-b
#   b: true
",
    );
}

#[test]
fn shows_nothing_of_a_secret_section() {
    const LOGIN: Schema = Schema::new("", &[Field::new("user", &Kind::Text).default("hunter2")]);
    check(
        "",
        [Field::new("login", &Kind::Secret(&Kind::Struct(&LOGIN)))],
        "
# login:
#   # text; APP_LOGIN_USER (better: APP_LOGIN_USER_FILE), --login-user
#   # user:
",
    );
}

#[test]
fn shows_what_an_item_looks_like() {
    const ITEM: Kind = Kind::Struct(&Schema::new("", &[Field::new("name", &Kind::Text)]));
    check(
        "",
        [
            Field::new("all", &Kind::List(&ITEM)),
            Field::new("named", &Kind::Map(&ITEM)).optional(),
            Field::new("tags", &Kind::List(&Kind::Text)).default("a,b"),
        ],
        "
# list, each: section; APP_ALL, --all
all: # must be set
#   -
#     # text
#     name: # must be set

# names of your choice, each with: section; APP_NAMED, --named
# named:
#   NAME:
#     # text
#     name: # must be set

# list, each: text; APP_TAGS, --tags
# tags: [a, b]
",
    );
}

#[test]
fn shows_the_keys_of_each_variant() {
    const STORE: Kind = Kind::Tagged {
        tag: "kind",
        variants: &[
            Variant::new("memory", ""),
            Variant::new("disk", "On disk.").fields(&[Field::new("path", &Kind::Text).docs("The directory.")]),
        ],
    };
    check(
        "",
        [Field::new("store", &STORE)],
        "
store:
  # one of memory, disk; APP_STORE_KIND, --store-kind
  #   disk: On disk
  kind: # must be set

  # With `kind: disk`:
  # The directory.
  # text; APP_STORE_PATH, --store-path
  # path: # must be set
",
    );
}

#[test]
fn sets_only_what_must_be_set() {
    let file = template(&SHOP, &Keys::of(&SHOP, "APP"));
    assert_eq!(scalars(&file), ["database", "url", ""]);
}

#[test]
fn has_the_defaults_of_a_section_below_one_comment() {
    let file = template(&SHOP, &Keys::of(&SHOP, "APP"));
    let section = file.lines().skip_while(|line| *line != "# log:").take_while(|line| !line.is_empty());
    let uncommented: Vec<_> = section.map(|line| line.strip_prefix("# ").unwrap_or_default()).collect();
    let expected = ["log", "format", "auto", "buffer", "8388608", "ratio", "0.5"];
    assert_eq!(scalars(&uncommented.join("\n")), expected);
}

#[test]
fn leaves_out_ends_that_are_only_of_the_machine() {
    let noun = |kind| Noun(kind).to_string();
    assert_eq!(noun(&i64::KIND), "integer");
    assert_eq!(noun(&u64::KIND), "integer from 0");
    assert_eq!(noun(&i8::KIND), "integer from -128 to 127");
    assert_eq!(noun(&Kind::Integer { min: i128::MIN, max: 5 }), "integer up to 5");
}
