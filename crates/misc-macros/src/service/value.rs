//! What attributes are worth: words and spans of time that are checked here, or any expression.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Expr, ExprLit, Lit, LitStr, Result};

use crate::{literal::bare, place::at};

/// A word, and the variant that it stands for.
pub(crate) struct Word {
    pub(crate) word: &'static str,
    pub(crate) variant: &'static str,
    pub(crate) argument: Argument,
}

/// What stands in parentheses after a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    None,
    Count,
    /// A count, or nothing: 1.
    CountOrOne,
    Time,
}

/// A word that has no argument.
pub(crate) const fn plain(word: &'static str, variant: &'static str) -> Word {
    Word { word, variant, argument: Argument::None }
}

/// Returns a literal, if it is one.
pub(crate) fn literal(value: &Expr) -> Option<&Lit> {
    match bare(value) {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// Writes a `Duration`.
pub(crate) fn time(value: &Expr) -> Result<TokenStream> {
    match literal(value) {
        None => Ok(quote!(#value)),
        Some(Lit::Str(text)) => time_of(text, &text.value()),
        Some(other) => {
            Err(Error::new(other.span(), "write a span of time with its unit: \"5s\", \"250ms\", \"1h 30m\""))
        }
    }
}

fn time_of(place: &LitStr, text: &str) -> Result<TokenStream> {
    let usage =
        |_| Error::new(place.span(), format!("`{text}` is no span of time: write \"5s\", \"250ms\", \"1h 30m\""));
    let time = humantime::parse_duration(text).map_err(usage)?;
    let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
    Ok(quote_spanned!(at(place.span())=> ::core::time::Duration::new(#seconds, #nanos)))
}

/// Writes a time of day.
pub(crate) fn time_of_day(value: &Expr) -> Result<TokenStream> {
    match literal(value) {
        Some(Lit::Str(text)) if !is_time_of_day(&text.value()) => {
            let usage = "write hours and minutes (\"09:00\") or seconds, too (\"09:00:30\"), on a clock of 24 hours";
            Err(Error::new(text.span(), format!("`{}` is no time of day: {usage}", text.value())))
        }
        _ => Ok(quote!(#value)),
    }
}

fn is_time_of_day(text: &str) -> bool {
    let parts: Vec<_> = text.trim().split(':').collect();
    let is_below = |part: &str, end: u8| {
        matches!(part.len(), 1 | 2)
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|number| number < end)
    };
    match parts[..] {
        [hour, minute] => is_below(hour, 24) && is_below(minute, 60),
        [hour, minute, second] => is_below(hour, 24) && is_below(minute, 60) && is_below(second, 60),
        _ => false,
    }
}

/// Writes a variant of an enum of the scheduler by its word.
pub(crate) fn word(value: &Expr, root: &TokenStream, of: &str, words: &[Word]) -> Result<TokenStream> {
    let text = match literal(value) {
        None => return Ok(quote!(#value)),
        Some(Lit::Str(text)) => text,
        Some(other) => return Err(Error::new(other.span(), format!("write one of {}", spellings(words)))),
    };
    let (of, span) = (Ident::new(of, at(text.span())), at(text.span()));
    let written = text.value();
    let (name, argument) = match written.strip_suffix(')').and_then(|written| written.split_once('(')) {
        Some((name, argument)) => (name.trim(), Some(argument.trim())),
        None => (written.trim(), None),
    };
    let unknown =
        || Error::new(text.span(), format!("there is no `{written}` here: write one of {}", spellings(words)));
    let word = words.iter().find(|word| word.word == name).ok_or_else(unknown)?;
    let variant = Ident::new(word.variant, span);
    let count = |count: &str| count.parse::<u32>().map_err(|_| unknown());
    Ok(match (word.argument, argument) {
        (Argument::None, None) => quote_spanned!(span=> #root::#of::#variant),
        (Argument::CountOrOne, None) => quote_spanned!(span=> #root::#of::#variant(1u32)),
        (Argument::Count | Argument::CountOrOne, Some(argument)) => {
            let count = count(argument)?;
            quote_spanned!(span=> #root::#of::#variant(#count))
        }
        (Argument::Time, Some(argument)) => {
            let time = time_of(text, argument)?;
            quote_spanned!(span=> #root::#of::#variant(#time))
        }
        (Argument::None, Some(_)) | (Argument::Count | Argument::Time, None) => return Err(unknown()),
    })
}

fn spellings(words: &[Word]) -> String {
    let spelling = |word: &Word| match word.argument {
        Argument::None => format!("\"{}\"", word.word),
        Argument::Count | Argument::CountOrOne => format!("\"{}(3)\"", word.word),
        Argument::Time => format!("\"{}(10s)\"", word.word),
    };
    words.iter().map(spelling).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_time(source: &str, expected: Option<&str>) {
        let value = syn::parse_str(source).expect("an expression");
        let written = time(&value).ok().map(|tokens| tokens.to_string().replace(' ', ""));
        assert_eq!(written.as_deref(), expected, "{source}");
    }

    #[test]
    fn spans_of_time_are_read_here() {
        check_time("\"5s\"", Some("::core::time::Duration::new(5u64,0u32)"));
        check_time("\"1h 30m 250ms\"", Some("::core::time::Duration::new(5400u64,250000000u32)"));
        check_time("self.every", Some("self.every"));
        check_time("5", None);
        check_time("\"5\"", None);
        check_time("\"\"", None);
    }

    #[test]
    fn times_of_day_are_those_that_the_scheduler_reads() {
        for text in ["09:00", "9:05", " 23:59:59 ", "0:0:0"] {
            assert!(is_time_of_day(text), "{text}");
        }
        for text in ["", "9", "24:00", "09:60", "09:00:60", "9 am", "09:", "+9:00", "09:000", "09.00", "٠٩:00"] {
            assert!(!is_time_of_day(text), "{text}");
        }
    }

    fn check_word(source: &str, expected: Option<&str>) {
        let words = [
            plain("skip", "Skip"),
            Word { word: "allow", variant: "Allow", argument: Argument::Count },
            Word { word: "for", variant: "For", argument: Argument::Time },
            Word { word: "fail", variant: "Fail", argument: Argument::CountOrOne },
        ];
        let value = syn::parse_str(source).expect("an expression");
        let written = word(&value, &quote!(root), "Of", &words).ok();
        let written = written.map(|tokens| tokens.to_string().replace(' ', ""));
        assert_eq!(written.as_deref(), expected, "{source}");
    }

    #[test]
    fn words_have_what_they_need_in_parentheses() {
        check_word("\"skip\"", Some("root::Of::Skip"));
        check_word("\"skip(1)\"", None);
        check_word("\"allow(3)\"", Some("root::Of::Allow(3u32)"));
        check_word("\"allow( 3 )\"", Some("root::Of::Allow(3u32)"));
        check_word("\"allow\"", None);
        check_word("\"allow(x)\"", None);
        check_word("\"for(10s)\"", Some("root::Of::For(::core::time::Duration::new(10u64,0u32))"));
        check_word("\"for(10)\"", None);
        check_word("\"fail\"", Some("root::Of::Fail(1u32)"));
        check_word("\"fail(2)\"", Some("root::Of::Fail(2u32)"));
        check_word("\"other\"", None);
        check_word("3", None);
        check_word("Of::Skip", Some("Of::Skip"));
    }
}
