//! A JSON Schema of the files, for editors.

use misc_core::schema::{Field, Kind, Schema, Variant};
use serde_json::{Map, Value as Json, json};

use crate::{
    docs::plain,
    fallback::Level,
    keys::{Bare, bare},
    show::without_passwords,
    tree::{Value, ValueKind},
};

/// Writes a JSON Schema (2020-12) of what a file may have.
///
/// Nothing but a tag is required: any other key may be set by a variable or a flag instead.
pub(crate) fn json_schema(kind: &'static Kind, name: &str) -> String {
    let mut root = of_kind(kind, None, false);
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!(name));
    format!("{:#}", Json::Object(root))
}

type Object = Map<String, Json>;

fn object(json: Json) -> Object {
    match json {
        Json::Object(object) => object,
        _ => Object::new(),
    }
}

/// Describes a kind; a section may have defaults from the struct around it, and shows none where all of it is secret.
fn of_kind(kind: &'static Kind, outer: Option<Value>, secret: bool) -> Object {
    match kind {
        Kind::Bool => object(json!({ "type": "boolean" })),
        Kind::Integer { min, max } => integer(*min, *max),
        Kind::Float => object(json!({ "type": "number" })),
        Kind::Text => object(json!({ "type": "string" })),
        Kind::Duration => duration(),
        Kind::Bytes(inner) => bytes(inner),
        Kind::Enum(variants) => names(variants),
        Kind::Optional(inner) => nullable(of_kind(inner, outer, secret)),
        Kind::List(inner) => object(json!({ "type": "array", "items": of_kind(inner, None, secret) })),
        Kind::Map(inner) => object(json!({ "type": "object", "additionalProperties": of_kind(inner, None, secret) })),
        Kind::Struct(schema) => of_struct(schema, outer, secret),
        Kind::Tagged { tag, variants } => {
            let section = Section { secret, ..Section::default() };
            object(json!({ "oneOf": section.one_of(tag, variants, &Level::inherited(outer), true) }))
        }
        Kind::Secret(inner) => {
            let mut object = of_kind(inner, None, true);
            object.insert("writeOnly".to_owned(), json!(true));
            object
        }
        _ => Object::new(),
    }
}

/// Describes a number in a range, whose ends JSON may not be able to write.
fn integer(min: i128, max: i128) -> Object {
    let mut object = object(json!({ "type": "integer" }));
    for (name, end) in [("minimum", min), ("maximum", max)] {
        object.extend(serde_json::Number::from_i128(end).map(|end| (name.to_owned(), end.into())));
    }
    object
}

fn duration() -> Object {
    object(json!({
        "type": "string",
        "pattern": r"^\s*(0|(\d+(\.\d+)?\s*[A-Za-zµ]+\s*)+)$",
        "examples": ["30s", "1h30m", "500ms"],
    }))
}

/// Describes a number of bytes: a number, or a text with a unit.
fn bytes(inner: &'static Kind) -> Object {
    let mut object = of_kind(inner, None, false);
    object.insert("type".to_owned(), json!(["integer", "string"]));
    object.insert("pattern".to_owned(), json!(r"^\s*(0|[1-9]\d*)(\.\d+)?\s*([kKmMgGtTpPeE]?[iI]?[bB]?)\s*$"));
    object.insert("examples".to_owned(), json!(["512KiB", "10MiB", 4096]));
    object
}

fn names(variants: &[Variant]) -> Object {
    let all = variants.iter().flat_map(|variant| variant_names(variant).map(|name| (name, variant.docs)));
    if variants.iter().all(|variant| variant.docs.is_empty()) {
        return object(json!({ "type": "string", "enum": all.map(|(name, _)| name).collect::<Vec<_>>() }));
    }
    let consts = all.map(|(name, docs)| documented(object(json!({ "const": name })), docs));
    object(json!({ "oneOf": consts.collect::<Vec<_>>() }))
}

fn variant_names(variant: &Variant) -> impl Iterator<Item = &'static str> + use<> {
    std::iter::once(variant.name).chain(variant.aliases.iter().copied())
}

/// Lets a value be nothing, too.
fn nullable(mut inner: Object) -> Object {
    if inner.is_empty() || inner.contains_key("anyOf") {
        return inner;
    }
    match inner.get_mut("type") {
        Some(Json::Array(types)) if types.contains(&json!("null")) => return inner,
        Some(Json::Array(types)) => types.push(json!("null")),
        Some(one) => *one = json!([one, "null"]),
        None => return object(json!({ "anyOf": [inner, { "type": "null" }] })),
    }
    if let Some(Json::Array(names)) = inner.get_mut("enum") {
        names.push(Json::Null);
    }
    inner
}

fn of_struct(schema: &'static Schema, outer: Option<Value>, secret: bool) -> Object {
    let level = Level::new(schema, outer);
    let mut section = Section { secret, ..Section::default() };
    section.add_fields(schema.fields, &level);
    documented(section.close(), schema.docs)
}

/// The keys of a section, while they are collected.
#[derive(Default)]
struct Section {
    properties: Object,
    /// What keys look like that have no name in the schema.
    rest: Option<Object>,
    /// The alternatives of tagged enums that have their keys here.
    choices: Vec<Json>,
    /// Whether no value is to be shown.
    secret: bool,
}

impl Section {
    fn add_fields(&mut self, fields: &'static [Field], level: &Level) {
        for field in fields {
            if field.flatten { self.add_flattened(field, level) } else { self.add_field(field, level) }
        }
    }

    fn add_field(&mut self, field: &'static Field, level: &Level) {
        let property = Json::Object(self.property(field, level));
        for alias in field.aliases {
            self.properties.insert((*alias).to_owned(), property.clone());
        }
        self.properties.insert(field.name.to_owned(), property);
    }

    fn add_flattened(&mut self, field: &'static Field, level: &Level) {
        let Bare { kind, secret, .. } = bare(field.kind);
        let outer = self.secret;
        self.secret |= secret;
        match kind {
            Kind::Struct(schema) => self.add_fields(schema.fields, &Level::new(schema, level.of(field))),
            Kind::Tagged { tag, variants } => {
                let choices = self.one_of(tag, variants, &Level::inherited(level.of(field)), false);
                self.choices.push(json!({ "oneOf": choices }));
            }
            Kind::Map(inner) => self.rest = Some(of_kind(inner, None, self.secret)),
            _ => self.rest = Some(Object::new()),
        }
        self.secret = outer;
    }

    /// Describes each variant: the key that decides, and the keys that come with it.
    fn one_of(&self, tag: &str, variants: &'static [Variant], level: &Level, closed: bool) -> Vec<Object> {
        let each = variants.iter().map(|variant| {
            let mut section = Self { secret: self.secret, ..Self::default() };
            let names: Vec<_> = variant_names(variant).collect();
            let name = if let [name] = &*names { json!({ "const": name }) } else { json!({ "enum": names }) };
            section.properties.insert(tag.to_owned(), name);
            section.add_fields(variant.fields, level);
            let mut object = section.close();
            if !closed {
                object.remove("additionalProperties");
            }
            object.insert("required".to_owned(), json!([tag]));
            documented(object, variant.docs)
        });
        each.collect()
    }

    /// Describes a key, with its default.
    fn property(&self, field: &'static Field, level: &Level) -> Object {
        let default = level.of(field);
        let mut property = documented(of_kind(field.kind, default.clone(), self.secret), field.docs);
        let is_section = matches!(bare(field.kind).kind, Kind::Struct(_) | Kind::Tagged { .. });
        if let Some(default) = default.filter(|_| !(is_section || self.secret || field.kind.hides())) {
            property.insert("default".to_owned(), to_json(&default));
        }
        property
    }

    /// Refuses the keys that are not known.
    fn close(self) -> Object {
        let mut object = object(json!({ "type": "object", "properties": self.properties }));
        let rest = self.rest.map_or(Json::Bool(false), Json::Object);
        // `additionalProperties` would not see the properties of the alternatives.
        let name = if self.choices.is_empty() { "additionalProperties" } else { "unevaluatedProperties" };
        object.insert(name.to_owned(), rest);
        if !self.choices.is_empty() {
            object.insert("allOf".to_owned(), Json::Array(self.choices));
        }
        object
    }
}

fn documented(mut object: Object, docs: &str) -> Object {
    if !docs.is_empty() {
        object.insert("description".to_owned(), json!(plain(docs)));
    }
    object
}

fn to_json(value: &Value) -> Json {
    match &value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(yes) => json!(yes),
        ValueKind::I64(number) => json!(number),
        ValueKind::U64(number) => json!(number),
        ValueKind::I128(_) | ValueKind::U128(_) => json!(value.kind.to_string()),
        ValueKind::Float(number) => json!(number),
        ValueKind::String(text) => json!(without_passwords(text)),
        ValueKind::Array(items) => items.iter().map(to_json).collect(),
        ValueKind::Table(table) => table.iter().map(|(name, inner)| (name.clone(), to_json(inner))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use misc_core::schema::Describe;

    use super::*;
    use crate::sample::SHOP;

    fn check(kind: &'static Kind, expected: &Json) {
        assert_eq!(&Json::Object(of_kind(kind, None, false)), expected);
    }

    #[test]
    fn is_a_schema_of_a_whole_file() {
        let schema: Json = serde_json::from_str(&json_schema(&SHOP, "shop")).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["title"], "shop");
        assert_eq!(schema["description"], "Sells things.\n\nIt has a long story.");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema.get("required"), None);
        let port = json!({ "type": "integer", "minimum": 0, "maximum": 65535, "default": 8000, "description": "Port to listen on." });
        assert_eq!(schema["properties"]["port"], port);
        assert_eq!(schema["properties"]["tags"]["default"], json!(["a", "b"]));
        assert_eq!(schema["properties"]["log"]["properties"]["buffer"]["default"], 8_388_608);
    }

    #[test]
    fn has_the_range_of_integers_as_far_as_json_goes() {
        check(&i8::KIND, &json!({ "type": "integer", "minimum": -128, "maximum": 127 }));
        check(&Kind::Integer { min: i128::MIN, max: i128::MAX }, &json!({ "type": "integer" }));
    }

    #[test]
    fn lets_an_option_be_null() {
        check(&Kind::Optional(&Kind::Text), &json!({ "type": ["string", "null"] }));
        check(&Kind::Optional(&Kind::Optional(&Kind::Text)), &json!({ "type": ["string", "null"] }));
        check(&Kind::Optional(&Kind::Any), &json!({}));
        const NAMES: Kind = Kind::Enum(&[Variant::new("a", "")]);
        check(&Kind::Optional(&NAMES), &json!({ "type": ["string", "null"], "enum": ["a", null] }));
        const DOCUMENTED: Kind = Kind::Enum(&[Variant::new("a", "The first.")]);
        let first = json!({ "const": "a", "description": "The first." });
        check(&Kind::Optional(&DOCUMENTED), &json!({ "anyOf": [{ "oneOf": [first] }, { "type": "null" }] }));
    }

    #[test]
    fn never_shows_a_secret() {
        const SECRET: Kind = Kind::Secret(&Kind::Text);
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("pin", &SECRET).default("hunter2")]));
        let pin = json!({ "type": "string", "writeOnly": true });
        let login = json!({ "type": "object", "properties": { "pin": pin }, "additionalProperties": false });
        check(&KIND, &login);
        const USER: Kind = Kind::Struct(&Schema::new("", &[Field::new("user", &Kind::Text).default("hunter2")]));
        let shown = Json::Object(of_kind(&Kind::Secret(&Kind::List(&USER)), None, false)).to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn takes_other_names_of_keys_and_values() {
        const NAMES: Kind = Kind::Enum(&[Variant::new("a", "").aliases(&["b"])]);
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("x", &NAMES).aliases(&["y"])]));
        let names = json!({ "type": "string", "enum": ["a", "b"] });
        check(
            &KIND,
            &json!({ "type": "object", "properties": { "x": names, "y": names }, "additionalProperties": false }),
        );
    }

    const STORE: Kind = Kind::Tagged {
        tag: "kind",
        variants: &[
            Variant::new("memory", "In memory.").aliases(&["ram"]),
            Variant::new("disk", "").fields(&[Field::new("path", &Kind::Text)]),
        ],
    };

    #[test]
    fn has_an_alternative_for_each_variant() {
        let memory = json!({
            "type": "object",
            "description": "In memory.",
            "properties": { "kind": { "enum": ["memory", "ram"] } },
            "additionalProperties": false,
            "required": ["kind"],
        });
        let disk = json!({
            "type": "object",
            "properties": { "kind": { "const": "disk" }, "path": { "type": "string" } },
            "additionalProperties": false,
            "required": ["kind"],
        });
        check(&STORE, &json!({ "oneOf": [memory, disk] }));
    }

    #[test]
    fn puts_flattened_keys_beside_the_others() {
        const INNER: Kind = Kind::Struct(&Schema::new("", &[Field::new("b", &Kind::Bool)]));
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[
                Field::new("a", &Kind::Bool),
                Field::new("inner", &INNER).flatten(),
                Field::new("store", &STORE).flatten(),
            ],
        ));
        let schema = Json::Object(of_kind(&KIND, None, false));
        assert_eq!(schema["properties"], json!({ "a": { "type": "boolean" }, "b": { "type": "boolean" } }));
        assert_eq!(schema["unevaluatedProperties"], false);
        assert_eq!(schema.get("additionalProperties"), None);
        assert_eq!(schema["allOf"][0]["oneOf"][1].get("additionalProperties"), None);
    }

    #[test]
    fn takes_any_other_key_where_a_map_is_flattened() {
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("rest", &Kind::Map(&Kind::Bool)).flatten()]));
        check(&KIND, &json!({ "type": "object", "properties": {}, "additionalProperties": { "type": "boolean" } }));
    }
}
