//! Which derive runs.

use proc_macro2::TokenStream;
use syn::Data;

use crate::{
    errors::Errors,
    keys::Keys,
    owner::{self, Owner},
};

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
        owner::root(self.owners(), self.helper(), keys, errors)
    }

    /// Returns the packages that own it, the closest first, and the module in each.
    fn owners(self) -> &'static [Owner] {
        match self {
            Self::Config => &[("misc-config", None), ("misc-rs", Some("config"))],
            Self::Describe => &[("misc-core", None), ("misc-config", None), ("misc-rs", None)],
        }
    }
}
