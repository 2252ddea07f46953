//! A struct or an enum, as its derive reads it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Expr, Fields, Generics, Ident, LitStr, Result, Type, parse2};

use crate::{
    derive::Derive,
    docs,
    errors::Errors,
    field::{Field, Within},
    keys::Keys,
    literal,
    serde::Serde,
    variant::{Rules, Variant},
};

/// What a derive is on.
pub(crate) struct Container<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    /// The path of the crate that owns the derive.
    pub(crate) root: TokenStream,
    pub(crate) docs: String,
    /// What is said about its kind, whatever it holds.
    pub(crate) given: Option<Given>,
    pub(crate) body: Body<'a>,
    /// Where it is said that defaults are those of its `Default`.
    pub(crate) defaults: Option<Span>,
    /// The prefix of its variables.
    pub(crate) prefix: String,
    /// Where it is said that it has rules of its own.
    pub(crate) validate: Option<Span>,
    pub(crate) garde: Option<Span>,
}

/// A kind that does not come from the body.
pub(crate) enum Given {
    /// `#[config(kind = ..)]`
    Kind(Expr),
    /// `#[serde(from = "..")]` and `#[serde(try_from = "..")]`: the type that is read instead.
    Like(Box<Type>),
}

/// What it holds.
pub(crate) enum Body<'a> {
    Struct(Vec<Field<'a>>),
    /// A struct that looks like its one field.
    Newtype(Box<Field<'a>>),
    Enum {
        tagging: Tagging,
        variants: Vec<Variant<'a>>,
    },
    /// Nothing that has keys, or a value.
    Other,
}

/// How serde tells variants apart.
pub(crate) enum Tagging {
    /// By a key around the variant, or by the variant's name alone.
    External,
    /// By a key beside those of the variant.
    Internal(LitStr),
    /// In another way.
    Other,
}

impl<'a> Container<'a> {
    /// Reads what a derive is on, and finds everything that is wrong with it.
    pub(crate) fn read(derive: Derive, input: &'a DeriveInput) -> Result<Self> {
        let mut errors = Errors::default();
        let serde = Serde::read(&input.attrs);
        let keys = Keys::read(&input.attrs, derive.helper(), derive.keys(&input.data), &mut errors);
        let container = Self {
            ident: &input.ident,
            generics: &input.generics,
            root: derive.root(&keys, &mut errors),
            docs: docs::text(&input.attrs),
            given: Given::read(&keys, &serde, &mut errors),
            defaults: defaults(derive, &keys, &serde, &mut errors),
            prefix: prefix(&keys, &mut errors),
            validate: keys.flag("validate", &mut errors),
            garde: keys.flag("garde", &mut errors),
            body: Body::read(derive, input, &serde, &mut errors),
        };
        container.check(&mut errors);
        errors.finish(container)
    }

    /// Stands in for one that is wrong, so that what it is used for is not told to be missing, too.
    pub(crate) fn placeholder(derive: Derive, input: &'a DeriveInput) -> Option<Self> {
        // Only these have keys, and are read by serde.
        let body = match &input.data {
            Data::Struct(_) => Body::Struct(Vec::new()),
            Data::Enum(_) => Body::Enum { tagging: Tagging::Other, variants: Vec::new() },
            Data::Union(_) => return None,
        };
        let mut errors = Errors::default();
        let keys = Keys::read(&input.attrs, derive.helper(), derive.keys(&input.data), &mut errors);
        let root = Some(derive.root(&keys, &mut errors)).filter(|root| !root.is_empty())?;
        let given = Some(Given::Kind(parse2(quote!(#root::schema::Kind::Any)).ok()?));
        let (ident, generics) = (&input.ident, &input.generics);
        let (docs, prefix) = (String::new(), String::new());
        let (defaults, validate, garde) = (None, None, None);
        Some(Self { ident, generics, root, docs, given, body, defaults, prefix, validate, garde })
    }

    /// Returns the fields of a struct.
    pub(crate) fn fields(&self) -> &[Field<'a>] {
        match &self.body {
            Body::Struct(fields) => fields,
            Body::Newtype(field) => std::slice::from_ref(field),
            Body::Enum { .. } | Body::Other => &[],
        }
    }

    /// Returns all that it holds, wherever that is written.
    pub(crate) fn held(&self) -> Vec<&Field<'a>> {
        match &self.body {
            Body::Enum { variants, .. } => variants.iter().flat_map(Variant::held).collect(),
            _ => self.fields().iter().collect(),
        }
    }

    /// Returns the types that have a say in its kind.
    pub(crate) fn types(&self) -> Vec<&Type> {
        let fields: Vec<&Field<'_>> = match (&self.given, &self.body) {
            (Some(Given::Like(ty)), _) => return vec![ty],
            (Some(Given::Kind(_)), _) => return Vec::new(),
            (None, Body::Enum { variants, .. }) => variants.iter().flat_map(Variant::fields).collect(),
            (None, _) => self.fields().iter().collect(),
        };
        fields.iter().filter(|field| field.kind.is_of_type()).map(|field| field.ty).collect()
    }

    fn check(&self, errors: &mut Errors) {
        if let (Body::Other, None) = (&self.body, &self.given) {
            errors.at(
                self.ident.span(),
                "settings have names: write a struct with named fields, one around a value, or an enum",
            );
        }
    }
}

impl Given {
    fn read(keys: &Keys, serde: &Serde, errors: &mut Errors) -> Option<Self> {
        let kind = keys.value("kind", errors).cloned().map(Self::Kind);
        let read = ["from", "try_from"].iter().find_map(|name| serde.text(name));
        // A type that does not parse is serde's to tell.
        let like = || Some(Self::Like(Box::new(read?.parse().ok()?)));
        kind.or_else(like)
    }
}

impl<'a> Body<'a> {
    fn read(derive: Derive, input: &'a DeriveInput, serde: &Serde, errors: &mut Errors) -> Self {
        let (rule, default) = (serde.rule("rename_all"), serde.has("default"));
        let within = Within { derive, owner: &input.ident, rule, default, alone: false };
        match &input.data {
            Data::Struct(data) => Self::of_struct(&data.fields, serde.has("transparent"), within, errors),
            Data::Enum(data) => Self::of_enum(data, serde, within, errors),
            Data::Union(_) => Self::Other,
        }
    }

    fn of_struct(fields: &'a Fields, transparent: bool, within: Within<'a>, errors: &mut Errors) -> Self {
        let tuple = matches!(fields, Fields::Unnamed(_));
        let mut read = Field::all(fields, Within { alone: tuple || transparent, ..within }, errors);
        match fields {
            Fields::Named(_) if !transparent => Self::Struct(read),
            // serde counts the fields that it skips, unless it is told to see through the struct.
            _ if read.len() == 1 && (transparent || fields.len() == 1) => Self::Newtype(Box::new(read.remove(0))),
            _ => Self::Other,
        }
    }

    fn of_enum(data: &'a DataEnum, serde: &Serde, within: Within<'a>, errors: &mut Errors) -> Self {
        let rules = Rules { variants: within.rule, fields: serde.rule("rename_all_fields") };
        let variants =
            data.variants.iter().filter_map(|variant| Variant::read(variant, rules, within, errors)).collect();
        Self::Enum { tagging: Tagging::read(serde, errors), variants }
    }
}

impl Tagging {
    fn read(serde: &Serde, errors: &mut Errors) -> Self {
        match serde.text("tag") {
            _ if serde.has_any(&["content", "untagged"]) => Self::Other,
            None => Self::External,
            Some(tag) => {
                if tag.value().contains('.') {
                    errors.at(tag.span(), "a key has no `.` in its name: paths of keys are written with dots");
                }
                Self::Internal(tag.clone())
            }
        }
    }
}

/// Returns where a struct says that its defaults are those of its `Default`.
fn defaults(derive: Derive, keys: &Keys, serde: &Serde, errors: &mut Errors) -> Option<Span> {
    let asked = keys.flag("defaults", errors);
    let default = serde.span("default");
    if let (Some(asked), None) = (asked, default) {
        errors.at(asked, "`defaults` shows what `#[serde(default)]` does: write that beside it");
    }
    asked.or(default.filter(|_| derive == Derive::Describe))
}

/// Reads the prefix of the variables.
fn prefix(keys: &Keys, errors: &mut Errors) -> String {
    let Some(text) = keys.value("env_prefix", errors).and_then(|value| errors.keep(literal::string(value))) else {
        return String::new();
    };
    let prefix = text.value();
    let is_usual = |letter: char| matches!(letter, 'A'..='Z' | '0'..='9' | '_');
    if prefix.is_empty() || !prefix.chars().all(is_usual) {
        errors.at(text.span(), "a prefix is made of `A-Z`, `0-9` and `_`, such as \"APP\"");
    } else if prefix.ends_with('_') {
        let bare = prefix.trim_end_matches('_');
        errors.at(text.span(), format!("variables get a `_` after the prefix anyway: write \"{bare}\""));
    }
    prefix
}
