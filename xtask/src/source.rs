//! A Rust file, taken apart into code and comments by a lexer that knows just that much.

/// Two views of one file, each as long as the file and with its line breaks, so that offsets and lines agree.
#[derive(Debug)]
pub(crate) struct Source {
    /// The code: comments are blank, literals are underscores.
    pub(crate) code: String,
    /// The comments: all else is blank.
    pub(crate) comments: String,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut source = Self { code: String::new(), comments: String::new() };
        let mut rest = text;
        while !rest.is_empty() {
            let (kind, length) = first_token(rest);
            let (token, after) = rest.split_at(length);
            source.push(kind, token);
            rest = after;
        }
        source
    }

    /// The number of code lines: not blank, not comment, not in a `#[cfg(test)]` item.
    pub(crate) fn code_lines(&self) -> usize {
        let code = without_tests(&self.code);
        code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Whether the code has a function of that name.
    pub(crate) fn defines_fn(&self, name: &str) -> bool {
        let head = format!("fn {name}");
        let ends = |rest: &str| rest.trim_start().starts_with(['(', '<']);
        self.code.match_indices(&head).any(|(offset, _)| ends(&self.code[offset + head.len()..]))
    }

    fn push(&mut self, kind: Kind, token: &str) {
        let (code, comments) = match kind {
            Kind::Code => (token.to_owned(), masked(token, ' ')),
            Kind::Literal => (masked(token, '_'), masked(token, ' ')),
            Kind::Comment => (masked(token, ' '), token.to_owned()),
        };
        self.code += &code;
        self.comments += &comments;
    }
}

/// What a piece of source text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The kind of the first token of `text` and its length in bytes.
fn first_token(text: &str) -> (Kind, usize) {
    if text.starts_with("//") {
        return (Kind::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Comment, block_comment_length(text));
    }
    if text.starts_with('"') {
        return (Kind::Literal, quoted_length(text, '"'));
    }
    if let Some(length) = raw_string_length(text) {
        return (Kind::Literal, length);
    }
    if let Some(length) = char_length(text) {
        return (Kind::Literal, length);
    }
    (Kind::Code, word_length(text))
}

/// The length of a comment that may hold comments.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut length = 0;
    while length < text.len() {
        let rest = &text[length..];
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        length += step;
        if depth == 0 {
            break;
        }
    }
    length
}

/// The length of a literal between two `quote`s, where a backslash escapes.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string such as `r#".."#`, `br".."` or `cr".."`, if `text` starts with one.
fn raw_string_length(text: &str) -> Option<usize> {
    let after_prefix = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = after_prefix.len() - after_prefix.trim_start_matches('#').len();
    let body = after_prefix[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - body.len();
    Some(body.find(&end).map_or(text.len(), |offset| start + offset + end.len()))
}

/// The length of a character literal, if `text` starts with one and not with a lifetime.
fn char_length(text: &str) -> Option<usize> {
    let after = text.strip_prefix('\'')?;
    let first = after.chars().next()?;
    let closes = after[first.len_utf8()..].starts_with('\'');
    (first == '\\' || closes).then(|| quoted_length(text, '\''))
}

/// The length of an identifier (so that its end is not taken for the prefix of a raw string) or of one character.
fn word_length(text: &str) -> usize {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = text.find(|letter| !is_word(letter)).unwrap_or(text.len());
    if word > 0 { word } else { text.chars().next().map_or(1, char::len_utf8) }
}

/// As many bytes as `text` has, with its line breaks and nothing else of it.
fn masked(text: &str, mask: char) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { mask }).collect()
}

/// The code without the items that only tests see.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        kept += before;
        rest = &item[item_length(item)..];
    }
    kept + rest
}

/// The length of an item: up to its `;`, or to the end of its braces.
pub(crate) fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (offset, letter) in code.char_indices() {
        match letter {
            ';' if depth == 0 => return offset + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return offset + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, comments: &str) {
        let source = Source::new(text);
        assert_eq!(source.code, code);
        assert_eq!(source.comments, comments);
    }

    #[test]
    fn tells_code_from_comments_and_literals() {
        check("a // b\nc", "a     \nc", "  // b\n ");
        check("a /* b /* c */ d */ e", "a                   e", "  /* b /* c */ d */  ");
        check(r#"f("//", 'x')"#, "f(____, ___)", "            ");
        check("g(\"é\\\"\") // é", "g(______)      ", "          // é");
        check(r##"r#"a"b"# c"##, "________ c", "          ");
        check("for<'a> '\\'' b'x'", "for<'a> ____ b___", "                 ");
        check("r#type bar\"x\"", "r#type bar___", "             ");
    }

    #[test]
    fn counts_lines_of_code() {
        let text = "//! Docs.\n\nfn a() {\n    // why\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
        assert_eq!(Source::new(text).code_lines(), 3);
        assert_eq!(Source::new("#[cfg(test)]\nmod tests;\nfn a() {}\n").code_lines(), 1);
        assert_eq!(Source::new("const A: &str = \"\n// no comment\n\";\n").code_lines(), 3);
    }

    #[test]
    fn finds_functions() {
        let source = Source::new("async fn stops_in_order() {}\nfn generic<T>() {}\n// fn unreal() {}");
        assert!(source.defines_fn("stops_in_order"));
        assert!(source.defines_fn("generic"));
        assert!(!source.defines_fn("stops"));
        assert!(!source.defines_fn("unreal"));
    }
}
