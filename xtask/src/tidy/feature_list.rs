//! `docs/features.md` lists what misc can do, and each row names an example or a test that exists.
//!
//! Its tables have the columns of [`HEADER`]. The last holds, separated by commas, `` `examples/01-quickstart` ``,
//! `` `crates/misc-core/tests/it/stop.rs::stops_in_reverse_order` ``, or `later: #7` for what an issue will bring.

use crate::{problem::Problem, repo::Repo, source::Source, workspace::Workspace};

const PATH: &str = "docs/features.md";

const HEADER: &[&str] = &["id", "feature", "where", "shown by"];

/// A feature that nothing shows is a claim.
pub(super) fn features_are_shown(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    let text = repo.text(PATH).unwrap_or_default();
    let rows: Vec<_> = text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, cells(line)?))).collect();
    if !rows.iter().any(|(_, cells)| cells == HEADER) {
        let cure = format!("give it a table with the columns {}", HEADER.join(", "));
        problems.push(Problem::new(PATH, 1, "there is no list of features", cure));
    }
    for (line, cells) in rows.iter().filter(|(_, cells)| cells != HEADER && !is_rule(cells)) {
        match cells.as_slice() {
            [_, _, _, shown_by] => check_row(repo, *line, shown_by, problems),
            _ => {
                let what = format!("the row has {} cells", cells.len());
                problems.push(Problem::new(PATH, *line, what, format!("fill the columns {}", HEADER.join(", "))));
            }
        }
    }
}

fn check_row(repo: &Repo, line: usize, shown_by: &str, problems: &mut Vec<Problem>) {
    for item in shown_by.split(',').map(str::trim) {
        if let Err(what) = check_item(repo, item) {
            problems.push(Problem::new(
                PATH,
                line,
                what,
                "name an example or a test that shows it, or `later: #<issue>`",
            ));
        }
    }
}

/// Whether what the item names is there; if not, what is wrong with it.
fn check_item(repo: &Repo, item: &str) -> Result<(), String> {
    if let Some(issue) = item.strip_prefix("later: #") {
        return issue.parse::<u32>().map(drop).map_err(|_| format!("`{item}` names no issue"));
    }
    let Some(item) = item.strip_prefix('`').and_then(|item| item.strip_suffix('`')) else {
        return Err(format!("\"{item}\" is not a reference in backticks"));
    };
    if let Some((path, test)) = item.split_once("::") {
        let text = repo.text(path).ok_or_else(|| format!("there is no file `{path}`"))?;
        let found = Source::new(text).defines_fn(test);
        return if found { Ok(()) } else { Err(format!("`{path}` has no `fn {test}`")) };
    }
    let exists = item.starts_with("examples/") && repo.text(&format!("{item}/Cargo.toml")).is_some();
    if exists { Ok(()) } else { Err(format!("there is no example `{item}`")) }
}

/// The cells of a row of a table, if the line is one.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// Whether the row is the line between header and rows.
fn is_rule(cells: &[&str]) -> bool {
    cells.iter().all(|cell| !cell.is_empty() && cell.trim_matches(':').bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{edited, problems},
        *,
    };

    /// Checks a list whose first row is shown by `shown_by`.
    #[track_caller]
    fn check(shown_by: &str, expected: &str) {
        let overlay =
            edited(PATH, "`crates/misc-core/tests/it/main.rs::stops_in_order`, `examples/01-hello`", shown_by);
        let expected = match expected {
            "" => String::new(),
            what => format!("{PATH}:5: {what}; name an example or a test that shows it, or `later: #<issue>`"),
        };
        assert_eq!(problems(&[features_are_shown], &overlay), expected);
    }

    #[test]
    fn rows_name_what_exists() {
        check("`examples/01-hello`, later: #12", "");
        check("`examples/02-bye`", "there is no example `examples/02-bye`");
        check("`crates/misc-core/src`", "there is no example `crates/misc-core/src`");
        check("`crates/misc-core/tests/it/stop.rs::stops`", "there is no file `crates/misc-core/tests/it/stop.rs`");
        check("`crates/misc-core/tests/it/main.rs::stops`", "`crates/misc-core/tests/it/main.rs` has no `fn stops`");
        check("the tests", "\"the tests\" is not a reference in backticks");
        check("", "\"\" is not a reference in backticks");
        check("later: #soon", "`later: #soon` names no issue");
    }

    #[test]
    fn rows_are_whole() {
        let expected = format!("{PATH}:5: the row has 3 cells; fill the columns id, feature, where, shown by");
        assert_eq!(problems(&[features_are_shown], &edited(PATH, "| order |", "|")), expected);
        let expected = format!(
            "{PATH}:1: there is no list of features; give it a table with the columns id, feature, where, shown by"
        );
        assert_eq!(problems(&[features_are_shown], &format!("//- {PATH}\n# Features\n")), expected);
    }
}
