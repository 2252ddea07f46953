//! Writes `impl Config` and `impl Validate`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Type, parse_quote};

use crate::{
    container::{Body, Container},
    field::Field,
    generics,
    place::at,
};

/// Writes what a struct is called; an enum is no settings by itself.
pub(crate) fn implement(container: &Container<'_>) -> TokenStream {
    if let Body::Enum { .. } = container.body {
        return TokenStream::new();
    }
    let Container { ident, root, prefix, .. } = container;
    let mut generics = container.generics.clone();
    if generics.type_params().next().is_some() {
        let supertraits = quote!(#root::schema::Describe + #root::Validate + #root::__private::DeserializeOwned);
        generics.make_where_clause().predicates.push(parse_quote!(Self: #supertraits + 'static));
    }
    let (params, arguments, conditions) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #params #root::Config for #ident #arguments #conditions {
            const PREFIX: &'static str = #prefix;
            const NAME: &'static str = ::core::env!("CARGO_PKG_NAME");
            const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
        }
    }
}

/// Writes the call of the type's own rules, and of those of its fields.
pub(crate) fn implement_validate(container: &Container<'_>) -> TokenStream {
    let Container { ident, root, .. } = container;
    let fields: Vec<&Field<'_>> = container.fields().iter().filter(|field| field.is_validated()).collect();
    let sections: Vec<&Type> = fields.iter().filter(|field| field.is_section()).map(|field| field.ty).collect();
    let generics = generics::bounded(container.generics, &sections, &quote!(#root::Validate));
    // The schema names the keys of what garde finds.
    let described = if container.garde.is_some() { container.types() } else { Vec::new() };
    let generics = generics::bounded(&generics, &described, &quote!(#root::schema::Describe));
    let (params, arguments, conditions) = generics.split_for_impl();
    let own = container.validate.map(|_| quote!(#root::__private::OwnRules::check(self, invalid);));
    let rules: Vec<TokenStream> =
        [own, garde_rules(container), field_rules(container, &fields)].into_iter().flatten().collect();
    let method = (!rules.is_empty()).then(|| quote!(fn validate(&self, invalid: &mut #root::Invalid) { #(#rules)* }));
    let own_rules = implement_own_rules(container);
    quote! {
        #[automatically_derived]
        impl #params #root::Validate for #ident #arguments #conditions {
            #method
        }
        #own_rules
    }
}

/// Writes the call of the type's own method, which goes before the one of `NoRules`.
///
/// It stands in an `impl` of its own: in that of `Validate`, the method would be taken for the trait's.
fn implement_own_rules(container: &Container<'_>) -> Option<TokenStream> {
    let Container { ident, root, .. } = container;
    let (params, arguments, conditions) = container.generics.split_for_impl();
    let span = at(container.validate?);
    let call = quote_spanned!(span=> Verdict::add_to(Self::validate(self), invalid));
    Some(quote! {
        #[automatically_derived]
        impl #params #root::__private::OwnRules for #ident #arguments #conditions {
            fn check(&self, invalid: &mut #root::Invalid) {
                #[allow(unused_imports, reason = "types may have rules of their own")]
                use #root::__private::{NoRules as _, Verdict};
                #call;
            }
        }
    })
}

fn garde_rules(container: &Container<'_>) -> Option<TokenStream> {
    let root = &container.root;
    let kind = quote!(&<Self as #root::schema::Describe>::KIND);
    container.garde.map(|span| quote_spanned!(at(span)=> #root::garde::check(self, #kind, invalid);))
}

/// Calls the rules of fields, whose types may have none.
fn field_rules(container: &Container<'_>, fields: &[&Field<'_>]) -> Option<TokenStream> {
    if fields.is_empty() {
        return None;
    }
    let root = &container.root;
    let calls = fields.iter().map(|field| {
        let member = &field.member;
        let call = quote!(#root::__private::ValidateProbe(&self.#member).probe(invalid));
        match (&container.body, field.flatten) {
            (Body::Struct(_), false) => {
                let name = field.name.value();
                quote!(invalid.within(#name, |invalid| #call);)
            }
            _ => quote!(#call;),
        }
    });
    Some(quote! {
        #[allow(unused_imports, reason = "types may validate themselves")]
        use #root::__private::Unvalidated as _;
        #(#calls)*
    })
}
