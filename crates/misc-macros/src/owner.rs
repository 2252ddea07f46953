//! Under which path a user knows the crate that owns a macro.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Error, Path, Result};

use crate::{errors::Errors, keys::Keys, literal};

/// A package that owns a macro, and the module in it.
pub(crate) type Owner = (&'static str, Option<&'static str>);

/// Finds the path of the first package that is there, or takes the one that `crate = ".."` gives.
pub(crate) fn root(owners: &[Owner], attribute: &str, keys: &Keys, errors: &mut Errors) -> TokenStream {
    let given = keys.value("crate", errors).map(|value| literal::string(value)?.parse_with(Path::parse_mod_style));
    let root = given.map_or_else(|| find(owners, attribute), |path| path.map(|path| quote!(#path)));
    errors.keep(root).unwrap_or_default()
}

fn find(owners: &[Owner], attribute: &str) -> Result<TokenStream> {
    for (package, module) in owners {
        if let Ok(found) = crate_name(package) {
            let root = Ident::new(&extern_name(package, found), Span::call_site());
            let module = module.map(|module| Ident::new(module, Span::call_site())).into_iter();
            return Ok(quote!(::#root #(::#module)*));
        }
    }
    Err(Error::new(Span::call_site(), missing(owners, attribute)))
}

fn missing(owners: &[Owner], attribute: &str) -> String {
    let owners: Vec<String> = owners.iter().map(|(package, _)| format!("`{package}`")).collect();
    let owners = owners.join(" or ");
    format!("add {owners} to the dependencies, or say where it is: `#[{attribute}(crate = \"path\")]`")
}

/// Returns the name that code has for a package.
fn extern_name(package: &str, found: FoundCrate) -> String {
    let usual = package.replace('-', "_");
    match found {
        FoundCrate::Name(renamed) if renamed != usual => renamed,
        // Its library has a shorter name.
        _ if package == "misc-rs" => "misc".to_owned(),
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_looked_for_where_the_user_names_them() {
        // The manifest of this crate names misc-core, for its tests.
        let found = find(&[("misc-config", None), ("misc-core", None)], "describe");
        assert_eq!(found.expect("misc-core").to_string(), ":: misc_core");
        let owners = [("misc-config", None), ("misc-rs", Some("config"))];
        let error = find(&owners, "config").expect_err("no misc-config").to_string();
        let expected =
            "add `misc-config` or `misc-rs` to the dependencies, or say where it is: `#[config(crate = \"path\")]`";
        assert_eq!(error, expected);
    }

    fn check(package: &str, found: FoundCrate, expected: &str) {
        assert_eq!(extern_name(package, found), expected);
    }

    #[test]
    fn code_calls_packages_by_their_libraries() {
        check("misc-config", FoundCrate::Itself, "misc_config");
        check("misc-config", FoundCrate::Name("misc_config".into()), "misc_config");
        check("misc-rs", FoundCrate::Itself, "misc");
        check("misc-rs", FoundCrate::Name("misc_rs".into()), "misc");
    }

    #[test]
    fn renamed_packages_keep_their_new_names() {
        check("misc-config", FoundCrate::Name("settings".into()), "settings");
        check("misc-rs", FoundCrate::Name("toolkit".into()), "toolkit");
    }
}
