//! Exemplars: single events that stand for many.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{encode::push_float, labels::push_label, name};

/// How many characters the labels of an exemplar may have together (`OpenMetrics` 1.0, section "Exemplars").
const MAX_CHARACTERS: usize = 128;

/// An event that can be looked up elsewhere, as `OpenMetrics` writes it.
#[derive(Debug)]
pub(crate) struct Exemplar {
    /// ` # {labels} value time`
    pub(crate) text: Box<str>,
}

impl Exemplar {
    /// Makes an exemplar, if it may be one.
    pub(crate) fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>, value: f64) -> Option<Self> {
        let labels: Vec<_> = labels.into_iter().collect();
        let names: Vec<_> = labels.iter().map(|(name, _)| *name).collect();
        let characters: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if characters > MAX_CHARACTERS || name::check_labels("", &names).is_err() {
            return None;
        }
        let mut pairs = String::new();
        labels.iter().for_each(|(name, value)| push_label(&mut pairs, name, value));
        let mut text = format!(" # {{{pairs}}} ");
        push_float(&mut text, value);
        if let Ok(time) = SystemTime::now().duration_since(UNIX_EPOCH) {
            text.push(' ');
            push_float(&mut text, time.as_secs_f64());
        }
        Some(Self { text: text.into() })
    }
}
