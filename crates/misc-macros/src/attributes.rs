//! What stands above the parts of an item.

use syn::{Attribute, Meta};

use crate::{entry::Entry, errors::Errors};

/// Takes the attributes of one name.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attributes.extract_if(.., |attribute| attribute.path().is_ident(name)).collect()
}

/// Reads the entries of an attribute, which may have none.
pub(crate) fn entries(attribute: &Attribute, errors: &mut Errors) -> Option<Vec<Entry>> {
    match attribute.meta {
        Meta::Path(_) => Some(Vec::new()),
        _ => errors.keep(Entry::all(attribute)),
    }
}

/// Returns those attributes that say whether a method is there at all.
pub(crate) fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    named(attributes, "cfg")
}

/// Returns the doc comments.
pub(crate) fn docs(attributes: &[Attribute]) -> Vec<Attribute> {
    named(attributes, "doc")
}

/// Returns the attributes of one name.
pub(crate) fn named(attributes: &[Attribute], name: &str) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident(name)).cloned().collect()
}
