//! Doc comments, as people read them who see no rustdoc.

use std::borrow::Cow;

/// Returns the documentation without links to items: [`Live`](crate::Live) is `Live`, and an address stays.
///
/// What is below a heading, such as examples, is for programmers.
pub(crate) fn plain(docs: &str) -> Cow<'_, str> {
    let docs = before_heading(docs).trim();
    if !docs.contains('[') {
        return Cow::Borrowed(docs);
    }
    let mut plain = String::with_capacity(docs.len());
    let mut rest = docs;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        rest = match self::link(link) {
            Some((text, after)) => {
                plain.push_str(&text);
                after
            }
            None => {
                plain.push('[');
                link
            }
        };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn before_heading(docs: &str) -> &str {
    let is_heading = |line: &str| {
        let line = line.trim_start();
        line.starts_with('#') && line.trim_start_matches('#').starts_with(' ')
    };
    let lines = docs.split_inclusive('\n');
    let end = lines.take_while(|line| !is_heading(line)).map(str::len).sum();
    &docs[..end]
}

/// Returns the first paragraph, on one line and without the full stop.
pub(crate) fn summary(docs: &str) -> String {
    let docs = plain(docs);
    let lines: Vec<_> = docs.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let summary = lines.join(" ");
    summary.strip_suffix('.').map(str::to_owned).unwrap_or(summary)
}

/// Reads a link behind its `[`, and returns what is shown of it, and what comes after it.
fn link(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let (shown, after) = text.split_once(']')?;
    if let Some((target, after)) = after.strip_prefix('(').and_then(|after| after.split_once(')')) {
        let shown = if target.contains("://") { format!("{shown} ({target})").into() } else { shown.into() };
        return Some((shown, after));
    }
    // A name alone, as in [`Live`].
    let is_name = shown.len() > 2 && shown.starts_with('`') && shown.ends_with('`');
    is_name.then_some((shown.into(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(docs: &str, expected: &str) {
        assert_eq!(plain(docs), expected);
    }

    #[test]
    fn links_to_items_are_their_names() {
        check("As [`Level::set`](crate::Level::set) has it, or [`Live`].", "As `Level::set` has it, or `Live`.");
        check("See [the book](https://book.org/a_b).", "See the book (https://book.org/a_b).");
    }

    #[test]
    fn headings_end_what_is_for_people() {
        check("Holds.\n\n # Examples\n\n```\nlet x = 1;\n```", "Holds.");
        check("## Why\nSo.", "");
        check("#1 of all.\n#[x]", "#1 of all.\n#[x]");
    }

    #[test]
    fn other_brackets_stay() {
        for docs in ["a[0] and [x, y]", "[", "an unclosed [`link", "[`", "none", "[]"] {
            check(docs, docs);
        }
    }

    #[test]
    fn a_summary_is_the_first_paragraph_on_one_line() {
        assert_eq!(summary(" As [`Level`]\n has it.\n\nAnd more."), "As `Level` has it");
    }
}
