//! The name that was probably meant.

use strsim::{jaro_winkler, osa_distance};

/// Finds the name that is nearest to a wrong one, if one is near.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let rated = names.into_iter().map(|name| (likeness(&wrong, &name.to_lowercase()), name));
    rated.filter(|(score, _)| *score > 0.8).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// Rates how like two names are, 1 the most. One slip in a short name weighs too much by its letters alone.
fn likeness(wrong: &str, name: &str) -> f64 {
    let slip = wrong.len() > 2 && osa_distance(wrong, name) == 1;
    jaro_winkler(wrong, name).max(if slip { 0.9 } else { 0.0 })
}
