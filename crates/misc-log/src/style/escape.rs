//! Keeps what is logged from looking like anything else: another line, an end of a string, a command to a terminal.

use std::fmt::{self, Write};

use crate::value::Value;

/// Appends text with every character escaped that could leave its place.
pub(super) struct Escaped<'a> {
    pub(super) out: &'a mut String,
    pub(super) place: Place,
}

/// Where text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a JSON string.
    Json,
    /// On a line of text.
    Line,
    /// In quotes on a line of text.
    Quotes,
    /// In a block of lines, which are indented below the first one.
    Block,
}

impl Escaped<'_> {
    pub(super) fn push(&mut self, text: &str) {
        let quoted = self.place.is_quoted();
        let mut rest = text;
        while let Some(at) = find_special(rest.as_bytes(), quoted) {
            let (plain, tail) = rest.split_at(at);
            self.out.push_str(plain);
            let mut tail = tail.chars();
            if let Some(special) = tail.next() {
                self.push_special(special);
            }
            rest = tail.as_str();
        }
        self.out.push_str(rest);
    }

    /// Appends a value; what its own code fails to show is missing.
    pub(super) fn push_value(&mut self, value: Value<'_>) {
        match value {
            Value::Literal(text) => self.out.push_str(text),
            Value::Text(text) => self.push(text),
            Value::Shown(shown) => self.write_fmt(shown).unwrap_or_default(),
        }
    }

    fn push_special(&mut self, c: char) {
        match (c, self.place) {
            ('\n', Place::Block) => self.out.push_str("\n    "),
            ('\t', Place::Block) => self.out.push('\t'),
            ('\n', _) => self.out.push_str("\\n"),
            ('\t', _) => self.out.push_str("\\t"),
            ('\r', _) => self.out.push_str("\\r"),
            ('"' | '\\', _) => self.out.extend(['\\', c]),
            _ if !hides(c) => self.out.push(c),
            // Can only fail when memory is out, which is no error here. All that hide are in the basic plane.
            (_, Place::Json) => write!(self.out, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            _ => self.out.extend(c.escape_unicode()),
        }
    }
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

impl Place {
    /// Tells whether a text may have an escape there.
    pub(super) fn changes(self, text: &str) -> bool {
        find_special(text.as_bytes(), self.is_quoted()).is_some()
    }

    fn is_quoted(self) -> bool {
        matches!(self, Self::Json | Self::Quotes)
    }
}

/// Finds the first byte that is special: of most texts, which have none, eight are looked at at once.
fn find_special(text: &[u8], quoted: bool) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let plain = words.iter().take_while(|word| is_plain(u64::from_le_bytes(**word), quoted)).count() * 8;
    // The last bytes once more, together with some before them, instead of one by one.
    if plain + rest.len() == text.len()
        && text.last_chunk().is_some_and(|last| is_plain(u64::from_le_bytes(*last), quoted))
    {
        return None;
    }
    text[plain..].iter().position(|byte| is_special(*byte, quoted)).map(|at| plain + at)
}

/// Tells whether none of eight bytes is special; one beyond ASCII counts as special here.
fn is_plain(word: u64, quoted: bool) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // The highest bit of each byte says what is asked of it; a wrong one can only be above a right one.
    let is_below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word;
    let is = |byte: u8| is_below(word ^ (ONES * u64::from(byte)), 1);
    let mut special = word | is_below(word, 0x20) | is(0x7f);
    if quoted {
        special |= is(b'"') | is(b'\\');
    }
    special & HIGHS == 0
}

/// Tells whether a byte is, or begins, a character that may need an escape: cheap, since most do not.
fn is_special(byte: u8, quoted: bool) -> bool {
    /// Of quotes and backslashes.
    const QUOTE: u8 = 2;
    static KINDS: [u8; 256] = {
        let mut kinds = [0; 256];
        let mut byte = 0;
        while byte < 0x20 {
            kinds[byte] = 1;
            byte += 1;
        }
        kinds[0x7f] = 1;
        // The first bytes of U+0080 to U+009F, and of U+2028 and its like.
        kinds[0xc2] = 1;
        kinds[0xe2] = 1;
        // Of U+061C.
        kinds[0xd8] = 1;
        kinds[b'"' as usize] = QUOTE;
        kinds[b'\\' as usize] = QUOTE;
        kinds
    };
    let kind = KINDS[usize::from(byte)];
    kind != 0 && (quoted || kind != QUOTE)
}

/// Tells whether a character moves what follows it, or the cursor: controls, line separators, changes of direction.
fn hides(c: char) -> bool {
    const MARKS: [char; 3] = ['\u{61c}', '\u{200e}', '\u{200f}'];
    c.is_control() || MARKS.contains(&c) || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: Place, text: &str, expected: &str) {
        let mut out = String::new();
        Escaped { out: &mut out, place }.push(text);
        assert_eq!(out, expected);
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        for place in [Place::Json, Place::Line, Place::Quotes, Place::Block] {
            check(place, "Größe – 5 €, “ok” © 日本", "Größe – 5 €, “ok” © 日本");
        }
    }

    #[test]
    fn a_special_byte_is_found_wherever_it_is() {
        for length in 0..40 {
            for (at, byte) in (0..length).flat_map(|at| (0..=0xff).map(move |byte| (at, byte))) {
                let mut text = vec![b'~'; length];
                text[at] = byte;
                for quoted in [false, true] {
                    let expected = text.iter().position(|byte| is_special(*byte, quoted));
                    assert_eq!(find_special(&text, quoted), expected, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_leaves_its_line() {
        check(Place::Line, "a\nb\r\tc\u{1b}[31m\u{7f}", "a\\nb\\r\\tc\\u{1b}[31m\\u{7f}");
        check(Place::Line, "\u{200e}\u{200f}\u{61c}", "\\u{200e}\\u{200f}\\u{61c}");
        check(Place::Line, "\u{9b}2J\u{2028}\u{202e}x", "\\u{9b}2J\\u{2028}\\u{202e}x");
        check(Place::Line, r#"C:\x "y""#, r#"C:\x "y""#);
    }

    #[test]
    fn nothing_leaves_its_quotes() {
        check(Place::Quotes, "a\" b=\"\\\n", "a\\\" b=\\\"\\\\\\n");
        check(Place::Json, "a\"\\\n\u{0}\u{85}\u{2029}", "a\\\"\\\\\\n\\u0000\\u0085\\u2029");
    }

    #[test]
    fn lines_of_a_block_are_indented() {
        check(Place::Block, "a\nERROR b\n\tc\r", "a\n    ERROR b\n    \tc\\r");
    }
}
