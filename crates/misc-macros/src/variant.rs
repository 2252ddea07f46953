//! One variant of an enum, and the entry that describes it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, ext::IdentExt};

use crate::{
    docs,
    errors::Errors,
    field::{Field, Within, aliases},
    rename::Rule,
    serde::Serde,
};

/// A variant that is read.
pub(crate) struct Variant<'a> {
    pub(crate) content: Content<'a>,
    /// Whether it takes what no other variant does.
    pub(crate) other: bool,
    name: String,
    aliases: Vec<String>,
    docs: String,
}

/// What a variant holds.
pub(crate) enum Content<'a> {
    Nothing,
    Fields(Vec<Field<'a>>),
    /// One value, with its keys beside the tag.
    Value(Field<'a>),
    /// What only serde knows how to read.
    Unknown(Vec<Field<'a>>),
}

/// How the variants of an enum are named, and their fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) variants: Option<Rule>,
    pub(crate) fields: Option<Rule>,
}

impl<'a> Variant<'a> {
    /// Reads a variant, unless serde skips it.
    pub(crate) fn read(
        variant: &'a syn::Variant,
        rules: Rules,
        within: Within<'a>,
        errors: &mut Errors,
    ) -> Option<Self> {
        let serde = Serde::read(&variant.attrs);
        refuse_keys(variant, within, errors);
        if serde.has_any(&["skip", "skip_deserializing"]) {
            return None;
        }
        let ident = variant.ident.unraw().to_string();
        let named = || rules.variants.map_or_else(|| ident.clone(), |rule| rule.variant(&ident));
        let within = Within { rule: serde.rule("rename_all").or(rules.fields), ..within };
        Some(Self {
            content: Content::read(&variant.fields, &serde, within, errors),
            other: serde.has("other"),
            name: serde.text("rename").map_or_else(named, syn::LitStr::value),
            aliases: serde.aliases(),
            docs: docs::text(&variant.attrs),
        })
    }

    /// Writes the variant as the schema has it.
    pub(crate) fn entry(&self, schema: &TokenStream) -> TokenStream {
        let Self { name, docs, .. } = self;
        let aliases = aliases(&self.aliases);
        let fields: Vec<TokenStream> = self.fields().iter().map(|field| field.entry(schema)).collect();
        let fields = (!fields.is_empty()).then(|| quote!(.fields(&[#(#fields),*])));
        quote!(#schema::Variant::new(#name, #docs) #aliases #fields)
    }

    /// Returns the fields whose keys it has.
    pub(crate) fn fields(&self) -> &[Field<'a>] {
        if let Content::Unknown(_) = self.content { &[] } else { self.held() }
    }

    /// Returns all that it holds, wherever that is written.
    pub(crate) fn held(&self) -> &[Field<'a>] {
        match &self.content {
            Content::Fields(fields) | Content::Unknown(fields) => fields,
            Content::Value(field) => std::slice::from_ref(field),
            Content::Nothing => &[],
        }
    }
}

impl<'a> Content<'a> {
    fn read(fields: &'a Fields, serde: &Serde, within: Within<'a>, errors: &mut Errors) -> Self {
        let alone = matches!(fields, Fields::Unnamed(_));
        let mut read = Field::all(fields, Within { alone, ..within }, errors);
        match fields {
            _ if serde.has_any(&["untagged", "with", "deserialize_with"]) => Self::Unknown(read),
            Fields::Unit => Self::Nothing,
            Fields::Named(_) => Self::Fields(read),
            Fields::Unnamed(all) if all.unnamed.len() == 1 && read.len() == 1 => {
                Self::Value(read.remove(0).flattened())
            }
            Fields::Unnamed(_) => Self::Unknown(read),
        }
    }
}

/// Variants are named and documented by serde and by comments alone.
fn refuse_keys(variant: &syn::Variant, within: Within<'_>, errors: &mut Errors) {
    let helper = within.derive.helper();
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident(helper)) {
        errors.keep::<()>(Err(syn::Error::new_spanned(
            attribute,
            format!("a variant has no keys: `#[{helper}(..)]` stands at the enum, or at a field of the variant"),
        )));
    }
}
