//! Which derive runs, and under which path its user knows the crate that owns it.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Data, Error, Path, Result};

use crate::{errors::Errors, keys::Keys, literal};

/// One of the derives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derive {
    Config,
    Describe,
}

impl Derive {
    /// Returns the name of its attribute.
    pub(crate) fn helper(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Describe => "describe",
        }
    }

    /// Returns the keys that its attribute has on a struct or an enum.
    pub(crate) fn keys(self, data: &Data) -> &'static [&'static str] {
        match (self, data) {
            (Self::Config, Data::Enum(_)) => &["validate", "garde", "kind", "crate"],
            (Self::Config, _) => &["env_prefix", "validate", "garde", "defaults", "kind", "crate"],
            (Self::Describe, Data::Enum(_)) => &["kind", "crate"],
            (Self::Describe, _) => &["defaults", "kind", "crate"],
        }
    }

    /// Finds the path of the crate that owns it, or takes the one that is given.
    pub(crate) fn root(self, keys: &Keys, errors: &mut Errors) -> TokenStream {
        let given = keys.value("crate", errors).map(|value| literal::string(value)?.parse_with(Path::parse_mod_style));
        let root = given.map_or_else(|| self.find(), |path| path.map(|path| quote!(#path)));
        errors.keep(root).unwrap_or_default()
    }

    /// Returns the packages that own it, the closest first, and the module in each.
    fn owners(self) -> &'static [(&'static str, Option<&'static str>)] {
        match self {
            Self::Config => &[("misc-config", None), ("misc-rs", Some("config"))],
            Self::Describe => &[("misc-core", None), ("misc-config", None), ("misc-rs", None)],
        }
    }

    fn find(self) -> Result<TokenStream> {
        for (package, module) in self.owners() {
            if let Ok(found) = crate_name(package) {
                let root = Ident::new(&extern_name(package, found), Span::call_site());
                let module = module.map(|module| Ident::new(module, Span::call_site())).into_iter();
                return Ok(quote!(::#root #(::#module)*));
            }
        }
        Err(Error::new(Span::call_site(), self.missing()))
    }

    fn missing(self) -> String {
        let owners: Vec<String> = self.owners().iter().map(|(package, _)| format!("`{package}`")).collect();
        let (owners, helper) = (owners.join(" or "), self.helper());
        format!("add {owners} to the dependencies, or say where it is: `#[{helper}(crate = \"path\")]`")
    }
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
        assert_eq!(Derive::Describe.find().expect("misc-core").to_string(), ":: misc_core");
        let error = Derive::Config.find().expect_err("no misc-config").to_string();
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
