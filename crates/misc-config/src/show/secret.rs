//! What is secret, and what stands for it.

use std::borrow::Cow;

use misc_core::schema::{Field, Kind};

use crate::{
    keys::bare,
    tree::{Value, ValueKind},
};

/// What stands for a secret.
pub(crate) const MASK: &str = "******";

/// Returns the value with a mask in place of each secret that its kind knows of.
pub(crate) fn masked(value: &Value, kind: &'static Kind) -> Value {
    let bare = bare(kind);
    let kind = match (&value.kind, bare.kind) {
        (ValueKind::Nil, _) => ValueKind::Nil,
        _ if bare.secret => MASK.into(),
        (ValueKind::Array(items), Kind::List(inner)) => {
            ValueKind::Array(items.iter().map(|item| masked(item, inner)).collect())
        }
        (ValueKind::Table(table), kind @ (Kind::Map(_) | Kind::Struct(_) | Kind::Tagged { .. })) => ValueKind::Table(
            table.iter().map(|(name, inner)| (name.clone(), masked_entry(name, inner, kind))).collect(),
        ),
        // A text that should be a section may hold what the section would hide.
        (_, kind) if hides(kind) => MASK.into(),
        (kind, _) => kind.clone(),
    };
    Value::new(value.origin().map(str::to_owned).as_ref(), kind)
}

fn masked_entry(name: &str, value: &Value, section: &'static Kind) -> Value {
    // Two variants may have the same key, and one of them a secret in it.
    let kinds = entry_kinds(section, name);
    let first = kinds.iter().find(|kind| hides(kind)).or(kinds.first());
    // A key that nobody knows may be a secret with a slip in its name.
    let unknown = if hides(section) { &Kind::Secret(&Kind::Any) } else { &Kind::Any };
    masked(value, first.copied().unwrap_or(unknown))
}

/// Finds what the schema says of a key of a section.
fn entry_kinds(section: &'static Kind, name: &str) -> Vec<&'static Kind> {
    match section {
        Kind::Map(inner) => vec![*inner],
        Kind::Struct(schema) => field_kinds(schema.fields, name),
        Kind::Tagged { variants, .. } => {
            variants.iter().flat_map(|variant| field_kinds(variant.fields, name)).collect()
        }
        _ => Vec::new(),
    }
}

fn field_kinds(fields: &'static [Field], name: &str) -> Vec<&'static Kind> {
    let direct = fields.iter().filter(|field| !field.flatten && is_named(field, name)).map(|field| field.kind);
    let flattened = fields.iter().filter(|field| field.flatten);
    direct.chain(flattened.flat_map(|field| entry_kinds(bare(field.kind).kind, name))).collect()
}

fn is_named(field: &Field, name: &str) -> bool {
    field.name == name || field.aliases.contains(&name)
}

/// Returns whether there may be a secret in a value of this kind.
pub(crate) fn hides(kind: &Kind) -> bool {
    match kind {
        Kind::Secret(_) => true,
        Kind::Optional(inner) | Kind::List(inner) | Kind::Map(inner) | Kind::Bytes(inner) => hides(inner),
        Kind::Struct(schema) => schema.fields.iter().any(|field| hides(field.kind)),
        Kind::Tagged { variants, .. } => {
            variants.iter().flat_map(|variant| variant.fields).any(|field| hides(field.kind))
        }
        _ => false,
    }
}

/// Masks the passwords of URLs in a text: `postgres://shop:******@db/shop`.
pub(crate) fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, url)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        rest = url;
        if let Some((user, host)) = userinfo(url) {
            shown.push_str(user);
            shown.push(':');
            shown.push_str(MASK);
            rest = host;
        }
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Splits what follows the scheme of a URL at its password: into the user, and the rest from the `@` on.
fn userinfo(url: &str) -> Option<(&str, &str)> {
    let word = &url[..url.find(char::is_whitespace).unwrap_or(url.len())];
    let authority = &word[..word.find(['/', '?', '#']).unwrap_or(word.len())];
    let colon = authority.find(':')?;
    let port = authority[colon + 1..].bytes().all(|b| b.is_ascii_digit());
    // People forget to escape a `/` in a password. A port, which digits tell, ends the authority, and an `@` after it is
    // of the path.
    let at = authority.rfind('@').or_else(|| word.rfind('@').filter(|_| !port))?;
    (colon < at).then(|| (&url[..colon], &url[at..]))
}

#[cfg(test)]
mod tests {
    use misc_core::schema::{Schema, Variant};

    use super::*;
    use crate::{show::show, tree::value};

    fn check_masked(kind: &'static Kind, inner: impl Into<ValueKind>, expected: &str) {
        assert_eq!(show(&masked(&value("", inner), kind)), expected);
    }

    fn table(entries: &[(&str, &str)]) -> ValueKind {
        ValueKind::Table(entries.iter().map(|(name, inner)| ((*name).to_owned(), value("", *inner))).collect())
    }

    const SECRET: Kind = Kind::Secret(&Kind::Text);
    const LOGIN: Schema =
        Schema::new("", &[Field::new("user", &Kind::Text), Field::new("pin", &SECRET).aliases(&["code"])]);

    #[test]
    fn masks_secrets_wherever_they_are() {
        const LOGINS: Kind = Kind::List(&Kind::Struct(&LOGIN));
        const FLAT: Schema = Schema::new("", &[Field::new("login", &Kind::Struct(&LOGIN)).flatten()]);
        const TAGGED: Kind = Kind::Tagged {
            tag: "kind",
            variants: &[
                Variant::new("open", "").fields(&[Field::new("pin", &Kind::Text)]),
                Variant::new("closed", "").fields(&[Field::new("pin", &SECRET)]),
            ],
        };
        let login = || table(&[("user", "u"), ("pin", "hunter2")]);
        check_masked(&SECRET, "hunter2", "\"******\"");
        check_masked(&Kind::Optional(&SECRET), 7_i64, "\"******\"");
        check_masked(&Kind::Optional(&SECRET), ValueKind::Nil, "null");
        check_masked(&Kind::Map(&SECRET), table(&[("a", "hunter2")]), "{a: \"******\"}");
        check_masked(&LOGINS, vec![value("", login())], "[{pin: \"******\", user: u}]");
        check_masked(&Kind::Struct(&FLAT), login(), "{pin: \"******\", user: u}");
        check_masked(&TAGGED, login(), "{pin: \"******\", user: \"******\"}");
    }

    #[test]
    fn masks_what_may_be_a_secret_gone_astray() {
        check_masked(&Kind::Struct(&LOGIN), r#"{"pin": "hunter2"}"#, "\"******\"");
        check_masked(&Kind::List(&SECRET), "hunter2", "\"******\"");
        check_masked(&Kind::Struct(&LOGIN), table(&[("pni", "hunter2")]), "{pni: \"******\"}");
        check_masked(&Kind::Struct(&LOGIN), table(&[("code", "hunter2")]), "{code: \"******\"}");
    }

    fn check_url(url: &str, expected: &str) {
        assert_eq!(without_passwords(url), expected);
    }

    #[test]
    fn masks_passwords_in_urls() {
        check_url("postgres://shop:hunter2@db:5432/shop", "postgres://shop:******@db:5432/shop");
        check_url("redis://:hunter2@db", "redis://:******@db");
        check_url("a://u:p@h b://u:p@h", "a://u:******@h b://u:******@h");
        check_url("a://u:p@ss@h/x", "a://u:******@h/x");
        check_url("a://u:p/w@h/x", "a://u:******@h/x");
        check_url("https://h:8080/@scope/a", "https://h:8080/@scope/a");
        check_url("https://user@h/x:y", "https://user@h/x:y");
        check_url("u:p@h", "u:p@h");
    }
}
