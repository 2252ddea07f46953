//! How a path is spelt as a variable and as a flag.

/// Spells what the names of variables begin with, as names are; what is in capitals is meant as it is.
pub(super) fn prefix(given: &str) -> String {
    match given.contains(char::is_lowercase) {
        true => variable("", &[given]),
        false => given.replace(|c: char| !c.is_alphanumeric(), "_"),
    }
}

/// Names the variable of a path: the prefix, and the names in capitals, with `_` between them.
pub(super) fn variable(prefix: &str, parts: &[&str]) -> String {
    let mut variable = String::with_capacity(prefix.len() + parts.iter().map(|part| part.len() + 2).sum::<usize>());
    variable.push_str(prefix);
    for name in parts {
        if !variable.is_empty() {
            variable.push('_');
        }
        shout(&mut variable, name);
    }
    variable
}

/// Writes a name as variables have them: `poolSize` and `pool-size` are `POOL_SIZE`.
fn shout(variable: &mut String, name: &str) {
    let mut before = '_';
    for c in name.chars() {
        if is_next_word(before, c) {
            variable.push('_');
        }
        match c {
            'a'..='z' => variable.push(c.to_ascii_uppercase()),
            c if c.is_alphanumeric() => variable.extend(c.to_uppercase()),
            _ => variable.push('_'),
        }
        before = c;
    }
}

/// Names the flag of a path: `poolSize` and `pool_size` are `pool-size`.
pub(crate) fn flag(path: &str) -> String {
    let mut flag = String::with_capacity(path.len());
    let mut before = '-';
    for c in path.chars() {
        if is_next_word(before, c) {
            flag.push('-');
        }
        match c {
            '.' | '_' => flag.push('-'),
            'a'..='z' => flag.push(c),
            c => flag.extend(c.to_lowercase()),
        }
        before = c;
    }
    flag
}

/// Returns whether a capital starts a word of a name such as `poolSize`.
fn is_next_word(before: char, c: char) -> bool {
    c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit())
}
