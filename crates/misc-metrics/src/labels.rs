//! The labels of one series, and what they look like in an exposition.

use std::sync::Arc;

/// The labels of a series, with their text made once.
#[derive(Debug)]
pub(crate) struct LabelSet {
    pub(crate) pairs: Box<[(Arc<str>, Box<str>)]>,
    /// `name="value",..`, escaped, without braces.
    pub(crate) text: Box<str>,
}

impl LabelSet {
    pub(crate) fn new<'a>(pairs: impl IntoIterator<Item = (Arc<str>, &'a str)>) -> Self {
        let pairs: Box<[_]> = pairs.into_iter().map(|(name, value)| (name, Box::from(value))).collect();
        let mut text = String::new();
        for (name, value) in &pairs {
            push_label(&mut text, name, value);
        }
        Self { pairs, text: text.into() }
    }
}

/// By what a series is looked up: nothing of it is owned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key<'a> {
    /// The values of the family's labels, in their order.
    Values(&'a [&'a str]),
    /// Labels, by name, where a family does not say which it has.
    Pairs(&'a [(&'a str, &'a str)]),
}

impl Key<'_> {
    /// Returns a hash, after a secret seed.
    ///
    /// It is quicker than that of the standard library, and weaker: whoever could guess labels that collide would slow
    /// down look-ups by as many series as a metric may have, which is few.
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        match self {
            Self::Values(values) => values.iter().fold(seed, |hash, value| fold(hash, value)),
            Self::Pairs(pairs) => pairs.iter().fold(seed, |hash, (name, value)| fold(fold(hash, name), value)),
        }
    }

    pub(crate) fn is_of(&self, labels: &LabelSet) -> bool {
        let there = &labels.pairs;
        match self {
            Self::Values(values) => {
                there.len() == values.len() && there.iter().zip(*values).all(|((_, there), value)| **there == **value)
            }
            Self::Pairs(pairs) => {
                there.len() == pairs.len()
                    && there.iter().zip(*pairs).all(|(there, pair)| (&*there.0, &*there.1) == *pair)
            }
        }
    }

    /// Makes the labels; `names` are those of the family.
    pub(crate) fn labels(&self, names: &[Arc<str>]) -> LabelSet {
        match self {
            Self::Values(values) => LabelSet::new(names.iter().cloned().zip(values.iter().copied())),
            Self::Pairs(pairs) => LabelSet::new(pairs.iter().map(|(name, value)| (Arc::from(*name), *value))),
        }
    }
}

/// Takes a text into a hash: eight bytes at a time, each multiplied and folded, as wyhash does.
fn fold(hash: u64, text: &str) -> u64 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * ODD;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let folded = (product >> 64) as u64 ^ product as u64;
        folded
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    // The rest and its length, so that texts do not run into each other.
    let tail = rest.iter().fold(rest.len() as u64 + 1, |tail, byte| (tail << 8) | u64::from(*byte));
    mix(hash.rotate_left(23), tail)
}

/// Appends `name="value"`, after a comma if it is not the first.
pub(crate) fn push_label(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(name);
    out.push_str("=\"");
    push_escaped(out, value, true);
    out.push('"');
}

/// Appends text with `\`, line feeds and, on request, `"` escaped.
pub(crate) fn push_escaped(out: &mut String, text: &str, quotes: bool) {
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'\\' => r"\\",
            b'\n' => r"\n",
            b'"' if quotes => "\\\"",
            _ => continue,
        };
        out.push_str(&text[done..at]);
        out.push_str(escaped);
        done = at + 1;
    }
    out.push_str(&text[done..]);
}
