//! What stands in the parentheses of an attribute: ours and serde's.

use syn::{
    Attribute, Expr, Ident, Result, Token,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token::Paren,
};

/// One entry of an attribute.
pub(crate) struct Entry {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// What an entry says.
pub(crate) enum Value {
    /// `name`
    None,
    /// `name = value`
    Is(Expr),
    /// `name(..)`
    List(Vec<Entry>),
}

impl Entry {
    /// Reads all entries of one attribute.
    pub(crate) fn all(attribute: &Attribute) -> Result<Vec<Self>> {
        attribute.parse_args_with(list)
    }

    /// Returns its name, as it is written.
    pub(crate) fn name(&self) -> String {
        self.name.to_string()
    }
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        // Keywords are names, too: `crate = ".."`.
        let name = input.call(Ident::parse_any)?;
        let value = if input.peek(Paren) {
            let content;
            parenthesized!(content in input);
            Value::List(list(&content)?)
        } else if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Value::Is(input.parse()?)
        } else {
            Value::None
        };
        Ok(Self { name, value })
    }
}

/// Reads entries between commas.
pub(crate) fn list(input: ParseStream<'_>) -> Result<Vec<Entry>> {
    Ok(Punctuated::<Entry, Token![,]>::parse_terminated(input)?.into_iter().collect())
}
