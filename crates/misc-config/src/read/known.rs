//! Values that are passed over, since what is wrong with them is known.

use crate::tree::{Value, ValueKind};

/// The origin of a value that is passed over, since what is wrong with it is known.
const KNOWN: &str = "\0known";

/// Marks a value as known; returns whether there is one that was not yet, below the root.
pub(super) fn pass_over(root: &mut Value, parts: &[String]) -> bool {
    let Some(value) = parts.iter().try_fold(root, |value, part| child_mut(value, part)) else { return false };
    if parts.is_empty() || is_known(value) {
        return false;
    }
    *value = Value::new(Some(&KNOWN.to_owned()), ValueKind::Nil);
    true
}

fn child_mut<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match &mut value.kind {
        ValueKind::Table(table) => table.get_mut(part),
        ValueKind::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    }
}

pub(super) fn is_known(value: &Value) -> bool {
    matches!(value.kind, ValueKind::Nil) && value.origin() == Some(KNOWN)
}
