//! Literals in attributes, as text.

use syn::{Error, Expr, ExprArray, ExprLit, ExprUnary, Lit, LitChar, LitStr, Result, UnOp};

/// Returns a string.
pub(crate) fn string(value: &Expr) -> Result<&LitStr> {
    match bare(value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(Error::new_spanned(other, "write a string: `\"..\"`")),
    }
}

/// Returns a character.
pub(crate) fn character(value: &Expr) -> Result<&LitChar> {
    match bare(value) {
        Expr::Lit(ExprLit { lit: Lit::Char(letter), .. }) => Ok(letter),
        other => Err(Error::new_spanned(other, "write a character: `'p'`")),
    }
}

/// Writes a default as an environment variable has it: a list is JSON.
pub(crate) fn text(value: &Expr) -> Result<String> {
    match bare(value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        Expr::Lit(ExprLit { lit: Lit::Char(letter), .. }) => Ok(letter.value().to_string()),
        other => json(other),
    }
}

fn json(value: &Expr) -> Result<String> {
    match bare(value) {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => Ok(quoted(&text.value())),
            Lit::Char(letter) => Ok(quoted(&letter.value().to_string())),
            Lit::Bool(yes) => Ok(yes.value.to_string()),
            _ => number(lit).ok_or_else(|| computed(value)),
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => negative(bare(expr)).ok_or_else(|| computed(value)),
        Expr::Array(ExprArray { elems, .. }) => {
            let all: Vec<String> = elems.iter().map(json).collect::<Result<_>>()?;
            Ok(format!("[{}]", all.join(",")))
        }
        _ => Err(computed(value)),
    }
}

fn negative(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(format!("-{}", number(lit)?)),
        _ => None,
    }
}

fn number(lit: &Lit) -> Option<String> {
    match lit {
        Lit::Int(number) => Some(number.base10_digits().to_owned()),
        // Rust writes `1.`, JSON does not.
        Lit::Float(number) if number.base10_digits().ends_with('.') => Some(format!("{}0", number.base10_digits())),
        Lit::Float(number) => Some(number.base10_digits().to_owned()),
        _ => None,
    }
}

/// Looks through the group that `macro_rules!` puts around what it passes on.
pub(crate) fn bare(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => bare(&group.expr),
        _ => value,
    }
}

fn computed(value: &Expr) -> Error {
    let message =
        "a default is a literal, or an array of literals: what is computed goes to `#[serde(default = \"function\")]`";
    Error::new_spanned(value, message)
}

/// Writes a JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            '\n' => json.push_str("\\n"),
            '\0'..='\u{1f}' => json.extend(['\\', 'u', '0', '0'].into_iter().chain(hex(letter))),
            _ => json.push(letter),
        }
    }
    json.push('"');
    json
}

/// Writes the code of a control character, which has two digits.
fn hex(letter: char) -> impl Iterator<Item = char> {
    let code = u32::from(letter);
    [code / 16, code % 16].into_iter().filter_map(|digit| char::from_digit(digit, 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let value = syn::parse_str(source).expect("an expression");
        assert_eq!(text(&value).ok().as_deref(), Some(expected), "{source}");
    }

    fn check_computed(source: &str) {
        let value = syn::parse_str(source).expect("an expression");
        assert!(text(&value).is_err(), "{source}");
    }

    #[test]
    fn literals_are_written_as_variables_have_them() {
        check("\"a \\\"b\\\"\"", "a \"b\"");
        check("'x'", "x");
        check("true", "true");
        check("8_000u16", "8000");
        check("0xff", "255");
        check("-1", "-1");
        check("-1.5e3", "-1.5e3");
        check("1.", "1.0");
        check("2f64", "2");
        check("170141183460469231731687303715884105728", "170141183460469231731687303715884105728");
    }

    #[test]
    fn arrays_are_json() {
        check("[]", "[]");
        check("[1, -2]", "[1,-2]");
        check("[\"a\\n\\u{1}\\\"\", 'b']", "[\"a\\n\\u0001\\\"\",\"b\"]");
        check("[[1.5], [true]]", "[[1.5],[true]]");
    }

    #[test]
    fn what_is_computed_is_no_literal() {
        for source in ["1 + 1", "Level::Info", "b\"bytes\"", "f()", "-x", "[f()]", "!true", "--1"] {
            check_computed(source);
        }
    }
}
