//! `.env` files: one variable a line.

/// One variable of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Reads `NAME=value`, one a line; `export` may stand before it, `#` begins a comment.
///
/// Single quotes keep everything, double quotes know `\n`, `\t`, `\"` and `\\`. Nothing is expanded: a `$` in a password is a `$`.
///
/// # Errors
/// The number of the first line that is none of this, and why.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>, (usize, &'static str)> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1..);
    let said = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    said.map(|(line, number)| self::line(line, number).map_err(|why| (number, why))).collect()
}

fn line(line: &str, number: usize) -> Result<Line, &'static str> {
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=').ok_or("is not of the form `NAME=value`")?;
    let name = name.trim_end();
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'') {
        return Err("has no name before the `=`");
    }
    Ok(Line { number, name: name.to_owned(), value: self::value(value.trim_start())? })
}

fn value(text: &str) -> Result<String, &'static str> {
    let (value, rest) = match text.chars().next() {
        Some('\'') => {
            text[1..].split_once('\'').map(|(value, rest)| (value.to_owned(), rest)).ok_or("has no closing `'`")?
        }
        Some('"') => unescaped(&text[1..])?,
        _ => return Ok(text.find(" #").map_or(text, |end| &text[..end]).trim_end().to_owned()),
    };
    match rest.trim_start() {
        "" => Ok(value),
        rest if rest.starts_with('#') => Ok(value),
        _ => Err("goes on after the closing quote"),
    }
}

/// Reads up to the closing double quote, and returns what comes after it.
fn unescaped(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, 't')) => '\t',
                Some((_, 'r')) => '\r',
                Some((_, c @ ('"' | '\\' | '$'))) => c,
                _ => return Err("has an escape that is none of `\\n`, `\\t`, `\\r`, `\\\"`, `\\\\` and `\\$`"),
            }),
            c => value.push(c),
        }
    }
    Err("has no closing `\"`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, &str)], (usize, &str)>) {
        let read = parse(text).map(|lines| lines.into_iter().map(|line| (line.name, line.value)).collect::<Vec<_>>());
        let expected = expected.map(|lines| lines.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn one_variable_a_line() {
        check("A=1\n\n# no\nexport B = two words # said\n", Ok(&[("A", "1"), ("B", "two words")]));
        check("URL=http://a/#b\nEMPTY=\r\nX=a=b", Ok(&[("URL", "http://a/#b"), ("EMPTY", ""), ("X", "a=b")]));
    }

    #[test]
    fn quotes_keep_what_is_between_them() {
        check(r#"A='a $b \n # c' # d"#, Ok(&[("A", r"a $b \n # c")]));
        check(r#"A="a\n\"b\" # $c""#, Ok(&[("A", "a\n\"b\" # $c")]));
    }

    #[test]
    fn what_is_no_variable_is_refused_with_its_line() {
        check("A=1\nnonsense", Err((2, "is not of the form `NAME=value`")));
        check("=1", Err((1, "has no name before the `=`")));
        check("A='1", Err((1, "has no closing `'`")));
        check("A=\"1", Err((1, "has no closing `\"`")));
        check("A='1'2", Err((1, "goes on after the closing quote")));
        check(r#"A="\q""#, Err((1, "has an escape that is none of `\\n`, `\\t`, `\\r`, `\\\"`, `\\\\` and `\\$`")));
    }
}
