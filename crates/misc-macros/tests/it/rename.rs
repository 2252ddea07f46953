//! Names are those that serde has.

use misc_core::schema::{Describe, Kind};
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// Derives a struct and an enum under one rule, and compares their names with those that serde writes.
macro_rules! check_rule {
    ($($rule:literal),+) => { $({
        #[derive(Default, Describe, Serialize, Deserialize)]
        #[serde(rename_all = $rule)]
        struct Fields {
            port: u8,
            pool_size: u8,
            http2_max_idle: u8,
            _hidden: u8,
            r#type: u8,
            trailing_: u8,
        }
        assert_eq!(described(&Fields::KIND), written(&Fields::default()), "{}", $rule);

        #[derive(Describe, Serialize, Deserialize)]
        #[serde(rename_all = $rule)]
        enum Variants {
            Json,
            PrettyText,
            V2,
            HTTPServer,
            With_Line,
        }
        let all = [Variants::Json, Variants::PrettyText, Variants::V2, Variants::HTTPServer, Variants::With_Line];
        let names: Vec<String> = all.iter().map(|variant| {
            serde_json::to_value(variant).unwrap().as_str().unwrap().to_owned()
        }).collect();
        assert_eq!(described(&Variants::KIND), names, "{}", $rule);
    })+ };
}

fn described(kind: &Kind) -> Vec<String> {
    match kind {
        Kind::Struct(schema) => schema.fields.iter().map(|field| field.name.to_owned()).collect(),
        Kind::Enum(variants) => variants.iter().map(|variant| variant.name.to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Returns the keys that serde writes, in order.
fn written(value: &impl Serialize) -> Vec<String> {
    let json = serde_json::to_string(value).expect("JSON");
    let entries = json.trim_matches(['{', '}']).split(',');
    entries.map(|entry| entry.split('"').nth(1).unwrap_or_default().to_owned()).collect()
}

#[test]
#[expect(non_camel_case_types, reason = "odd names are renamed, too")]
fn all_rules_are_those_of_serde() {
    check_rule!("lowercase", "UPPERCASE", "PascalCase", "camelCase");
    check_rule!("snake_case", "SCREAMING_SNAKE_CASE", "kebab-case", "SCREAMING-KEBAB-CASE");
}

#[test]
fn rules_for_writing_do_not_count() {
    #[derive(Describe, Serialize, Deserialize)]
    #[serde(rename_all(serialize = "UPPERCASE"))]
    struct Written {
        port: u8,
    }
    #[derive(Describe, Serialize, Deserialize)]
    #[serde(rename_all(deserialize = "UPPERCASE"))]
    struct Read {
        port: u8,
    }
    assert_eq!(described(&Written::KIND), ["port"]);
    assert_eq!(described(&Read::KIND), ["PORT"]);
    let read: Read = serde_json::from_str(r#"{"PORT":1}"#).unwrap();
    assert_eq!(read.port, 1);
}
