//! What is secret, and what stands for it.

use std::borrow::Cow;

use misc_core::schema::{Field, Kind};

use crate::{
    keys::{Bare, Key, bare},
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
        (_, kind) if kind.hides() => MASK.into(),
        (kind, _) => kind.clone(),
    };
    Value::new(value.origin().map(str::to_owned).as_ref(), kind)
}

/// Returns the value of a key with a mask in place of each secret.
pub(crate) fn masked_in(key: &Key, value: &Value) -> Value {
    masked(value, if key.secret { &Kind::Secret(&Kind::Any) } else { key.field.kind })
}

fn masked_entry(name: &str, value: &Value, section: &'static Kind) -> Value {
    // Two variants may have the same key, and one of them a secret in it.
    let kinds = entry_kinds(section, name);
    let first = kinds.iter().find(|kind| kind.hides()).or(kinds.first());
    // A key that nobody knows may be a secret with a slip in its name.
    let unknown = if section.hides() { &Kind::Secret(&Kind::Any) } else { &Kind::Any };
    masked(value, first.copied().unwrap_or(unknown))
}

/// Finds what the schema says of a key of a section.
fn entry_kinds(section: &'static Kind, name: &str) -> Vec<&'static Kind> {
    match section {
        Kind::Map(inner) => vec![*inner],
        Kind::Struct(schema) => field_kinds(schema.fields, name),
        Kind::Tagged { tag, .. } if *tag == name => vec![&Kind::Text],
        Kind::Tagged { variants, .. } => {
            variants.iter().flat_map(|variant| field_kinds(variant.fields, name)).collect()
        }
        _ => Vec::new(),
    }
}

fn field_kinds(fields: &'static [Field], name: &str) -> Vec<&'static Kind> {
    let direct = fields.iter().filter(|field| !field.flatten && is_named(field, name)).map(|field| field.kind);
    let flattened = fields.iter().filter(|field| field.flatten);
    let below = flattened.flat_map(|field| {
        let Bare { kind, secret, .. } = bare(field.kind);
        entry_kinds(kind, name).into_iter().map(move |kind| if secret { &Kind::Secret(&Kind::Any) } else { kind })
    });
    direct.chain(below).collect()
}

fn is_named(field: &Field, name: &str) -> bool {
    field.name == name || field.aliases.contains(&name)
}

/// Returns whether a text has a mask where a password was.
pub(crate) fn is_masked(text: &str) -> bool {
    let is_mask = |secret: &str| secret.trim_end_matches(ends) == MASK;
    text.contains(&format!(":{MASK}@")) || parts(text).filter_map(parameter).any(|(_, secret)| is_mask(secret))
}

/// Masks passwords in a text: `postgres://shop:******@db/shop`, `jdbc:db://shop?password=******`.
pub(crate) fn without_passwords(text: &str) -> Cow<'_, str> {
    match without_userinfo(text) {
        Cow::Borrowed(text) => without_parameters(text),
        Cow::Owned(shown) => Cow::Owned(without_parameters(&shown).into_owned()),
    }
}

/// Masks what is behind the `=` of names such as `password` and `access_token`.
fn without_parameters(text: &str) -> Cow<'_, str> {
    if !parts(text).any(|part| parameter(part).is_some()) {
        return Cow::Borrowed(text);
    }
    let shown = |part| match parameter(part) {
        Some((name, secret)) => format!("{name}={MASK}{}", &secret[secret.trim_end_matches(ends).len()..]),
        None => part.to_owned(),
    };
    Cow::Owned(parts(text).map(shown).collect())
}

/// Splits a text into what may be parameters, each with what ends it.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(ends)
}

fn ends(c: char) -> bool {
    matches!(c, '&' | ';') || c.is_whitespace()
}

/// Splits a part of a text into a name that tells of a secret, and what is behind its `=`.
fn parameter(part: &str) -> Option<(&str, &str)> {
    let (name, secret) = part.split_once('=')?;
    let lower = name.to_ascii_lowercase();
    ["password", "passwd", "pwd", "secret", "token"].iter().any(|word| lower.ends_with(word)).then_some((name, secret))
}

/// Masks the passwords in front of hosts.
fn without_userinfo(text: &str) -> Cow<'_, str> {
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
    let line = url.lines().next()?;
    let word = &line[..line.find(char::is_whitespace).unwrap_or(line.len())];
    let authority = &word[..word.find(['/', '?', '#']).unwrap_or(word.len())];
    let colon = authority.find(':')?;
    let at = authority.rfind('@').or_else(|| unescaped(line, word, authority, colon))?;
    (colon < at).then(|| (&url[..colon], &url[at..]))
}

/// Finds the `@` behind a password in which somebody forgot to escape a `/` or a space.
fn unescaped(line: &str, word: &str, authority: &str, colon: usize) -> Option<usize> {
    let is_port = authority[colon + 1..].bytes().all(|b| b.is_ascii_digit());
    match () {
        () if authority.starts_with('[') => None,
        () if !is_port => line.rfind('@'),
        // What looks like a port may be the start of a password; but `/@` begins a name in a path.
        () => word.rfind('@').filter(|at| !word[..*at].ends_with('/')),
    }
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
        const HIDDEN: Schema = Schema::new("", &[Field::new("login", &Kind::Secret(&Kind::Struct(&LOGIN))).flatten()]);
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
        check_masked(&Kind::Struct(&HIDDEN), login(), "{pin: \"******\", user: \"******\"}");
        check_masked(&TAGGED, login(), "{pin: \"******\", user: \"******\"}");
        check_masked(&TAGGED, table(&[("kind", "closed")]), "{kind: closed}");
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
        check_url("http://h:8080/x", "http://h:8080/x");
        check_url("http://[::1]:80/a@b", "http://[::1]:80/a@b");
        check_url("http://h:80 and a@b", "http://h:80 and a@b");
        check_url("u:p@h", "u:p@h");
    }

    #[test]
    fn masks_passwords_that_nobody_escaped() {
        check_url("a://u:pa ss@h/x", "a://u:******@h/x");
        check_url("a://u:12/34@h", "a://u:******@h");
        check_url("a://u:1#x@h", "a://u:******@h");
        check_url("a://u:p?w@h\nb", "a://u:******@h\nb");
    }

    #[test]
    fn masks_parameters_that_are_secret() {
        check_url("a://h/db?password=hunter2", "a://h/db?password=******");
        check_url("a://h/db?user=u&PWD=hunter?2&x=y", "a://h/db?user=u&PWD=******&x=y");
        check_url("a://u:p@h?access_token=hunter2", "a://u:******@h?access_token=******");
        check_url("jdbc:a://h;user=u;passwd=hunter2;x=y", "jdbc:a://h;user=u;passwd=******;x=y");
        check_url("host=h password=hunter2 dbname=x", "host=h password=****** dbname=x");
        check_url("a://h?tokens=5&pass=x", "a://h?tokens=5&pass=x");
    }
}
