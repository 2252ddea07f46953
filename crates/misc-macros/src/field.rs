//! One field, and the entry that describes it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, LitChar, LitStr, Member, Type, ext::IdentExt};

use crate::{
    derive::Derive,
    docs,
    errors::Errors,
    generics::{mentions, mentions_own},
    keys::Keys,
    kind,
    kind::Kind,
    literal,
    rename::Rule,
    serde::Serde,
};

/// The keys that say what a field looks like.
const KINDS: [&str; 5] = ["nested", "secret", "bytes", "duration", "text"];
/// The keys of a field that has a name.
const ALL: [&str; 9] = ["default", "env", "short", "nested", "secret", "bytes", "duration", "text", "keep_empty"];
/// The keys that are about a value of a field's own.
const OWN: [&str; 4] = ["default", "env", "short", "keep_empty"];

/// A field that is read.
pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    /// The key, and where it gets its name.
    pub(crate) name: LitStr,
    pub(crate) flatten: bool,
    pub(crate) kind: Kind,
    aliases: Vec<String>,
    docs: String,
    secret: Option<Span>,
    optional: bool,
    default: Option<String>,
    env: Option<LitStr>,
    short: Option<LitChar>,
    keep_empty: Option<Span>,
    /// Whether a function reads it.
    custom: bool,
    /// What it is in.
    owner: &'a Ident,
}

/// What a field takes from what it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Within<'a> {
    pub(crate) derive: Derive,
    pub(crate) owner: &'a Ident,
    /// How fields are renamed.
    pub(crate) rule: Option<Rule>,
    /// Whether all of them may be left out.
    pub(crate) default: bool,
    /// Whether it is all that its struct is, and has no key of its own.
    pub(crate) alone: bool,
}

impl<'a> Field<'a> {
    /// Reads all fields that serde reads.
    pub(crate) fn all(fields: &'a syn::Fields, within: Within<'a>, errors: &mut Errors) -> Vec<Self> {
        let members = fields.members().zip(fields);
        members.filter_map(|(member, field)| Self::read(member, field, within, errors)).collect()
    }

    fn read(member: Member, field: &'a syn::Field, within: Within<'a>, errors: &mut Errors) -> Option<Self> {
        let serde = Serde::read(&field.attrs);
        let known: &[&str] = if within.alone { &KINDS } else { &ALL };
        let keys = Keys::read(&field.attrs, within.derive.helper(), known, errors);
        if serde.has_any(&["skip", "skip_deserializing"]) {
            return None;
        }
        let custom = serde.has_any(&["with", "deserialize_with"]);
        let default = within.default || serde.has("default");
        let field = Self {
            ty: &field.ty,
            name: name(&member, &serde, within.rule),
            flatten: serde.has("flatten"),
            kind: Kind::read(&keys, errors).unwrap_or(if custom { Kind::Any } else { Kind::Type }),
            aliases: serde.aliases(),
            docs: docs::text(&field.attrs),
            secret: keys.flag("secret", errors),
            // serde asks for an `Option` that has its own way to be read.
            optional: default || (kind::inside_option(&field.ty).is_some() && !custom),
            default: keys.value("default", errors).map(literal::text).and_then(|text| errors.keep(text)),
            env: keys.value("env", errors).map(literal::string).and_then(|name| errors.keep(name).cloned()),
            short: keys.value("short", errors).map(literal::character).and_then(|flag| errors.keep(flag).cloned()),
            keep_empty: keys.flag("keep_empty", errors),
            custom,
            owner: within.owner,
            member,
        };
        field.check(&keys, errors);
        Some(field)
    }

    /// Puts its keys beside its neighbours.
    pub(crate) fn flattened(self) -> Self {
        Self { flatten: true, ..self }
    }

    /// Writes the field as the schema has it.
    pub(crate) fn entry(&self, schema: &TokenStream) -> TokenStream {
        let (name, kind) = (self.name.value(), self.kind(schema));
        let docs = Some(&self.docs).filter(|docs| !docs.is_empty()).map(|docs| quote!(.docs(#docs)));
        let aliases = aliases(&self.aliases);
        let default = self.default.as_ref().map(|text| quote!(.default(#text)));
        let optional = self.optional.then(|| quote!(.optional()));
        let flatten = self.flatten.then(|| quote!(.flatten()));
        let env = self.env.as_ref().map(|name| quote!(.env(#name)));
        let short = self.short.as_ref().map(|flag| quote!(.short(#flag)));
        let keep_empty = self.keep_empty.map(|_| quote!(.keep_empty()));
        quote!(#schema::Field::new(#name, #kind) #docs #aliases #default #optional #flatten #env #short #keep_empty)
    }

    /// Writes what its value looks like, as `&'static Kind`.
    pub(crate) fn kind(&self, schema: &TokenStream) -> TokenStream {
        self.secret(schema, self.kind.tokens(schema, self.ty, self.optional, self.is_circular()))
    }

    /// Returns whether it is said to be secret, without a look at what its type says.
    pub(crate) fn is_secret(&self) -> bool {
        self.secret.is_some() || mentions(self.ty, kind::SECRET)
    }

    /// Writes a field that is secret where this one is.
    pub(crate) fn guard(&self, schema: &TokenStream) -> TokenStream {
        let circular = self.is_circular();
        let kind = if circular { Kind::Any } else { Kind::Type };
        let kind = self.secret(schema, kind.tokens(schema, self.ty, false, circular));
        quote!(#schema::Field::new("", #kind))
    }

    /// Returns whether its type holds what it is in.
    fn is_circular(&self) -> bool {
        mentions(self.ty, "Self") || mentions_own(self.ty, &self.owner.to_string())
    }

    fn secret(&self, schema: &TokenStream, kind: TokenStream) -> TokenStream {
        match self.secret {
            Some(_) => quote!(&#schema::Kind::Secret(#kind)),
            None => kind,
        }
    }

    /// Returns whether the rules of its type hold, if there are some.
    pub(crate) fn is_validated(&self) -> bool {
        self.is_section() || !self.custom
    }

    /// Returns whether it is said to have keys of its own.
    pub(crate) fn is_section(&self) -> bool {
        self.kind == Kind::Nested || self.flatten
    }

    fn check(&self, keys: &Keys, errors: &mut Errors) {
        if self.name.value().contains('.') {
            errors.at(self.name.span(), "a key has no `.` in its name: paths of keys are written with dots");
        }
        if let Some(span) = keys.span("default").filter(|_| self.kind == Kind::Nested) {
            errors.at(span, "defaults of a section stand at its own fields");
        }
        for span in OWN.iter().filter_map(|name| keys.span(name)).filter(|_| self.flatten) {
            errors.at(span, "a flattened field has no key of its own: this goes to the fields inside");
        }
        if let Some(name) =
            self.env.as_ref().filter(|name| name.value().is_empty() || name.value().contains(['=', '\0']))
        {
            errors.at(name.span(), "a variable has a name, without `=` and NUL");
        }
        if let Some(flag) = self.short.as_ref().filter(|flag| !flag.value().is_ascii_alphanumeric()) {
            errors.at(flag.span(), "a short flag is one of `a-z`, `A-Z` and `0-9`");
        }
    }
}

/// Returns the name that serde has for a field.
fn name(member: &Member, serde: &Serde, rule: Option<Rule>) -> LitStr {
    match (serde.text("rename"), member) {
        (Some(name), _) => name.clone(),
        (None, Member::Named(ident)) => LitStr::new(&renamed(ident, rule), ident.span()),
        (None, Member::Unnamed(index)) => LitStr::new(&index.index.to_string(), index.span),
    }
}

fn renamed(ident: &Ident, rule: Option<Rule>) -> String {
    let name = ident.unraw().to_string();
    rule.map_or_else(|| name.clone(), |rule| rule.field(&name))
}

/// Writes the other names of a field or a variant.
pub(crate) fn aliases(names: &[String]) -> Option<TokenStream> {
    (!names.is_empty()).then(|| quote!(.aliases(&[#(#names),*])))
}
