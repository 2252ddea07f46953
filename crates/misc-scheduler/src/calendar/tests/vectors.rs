//! Due times as cronsim has them: the lines that `tests/vectors/make.py` has made.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::*;

/// A file of more lines, instead of those in the repository: `cargo xtask vectors`.
const FILE: &str = "MISC_VECTORS";

#[test]
fn are_due_as_cronsim_has_them() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/vectors.txt");
    let other = env::var_os(FILE).map(PathBuf::from);
    let path = other.as_ref().unwrap_or(&kept);
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let differences: Vec<_> = lines.iter().filter_map(|line| difference(line.trim_start_matches('!'))).collect();
    assert!(differences.is_empty(), "{} of {} differ:\n{}", differences.len(), lines.len(), differences.join("\n"));
    assert!(other.is_some() || lines.len() >= 2_000, "only {} lines", lines.len());
}

/// What is due otherwise than a line has it.
fn difference(line: &str) -> Option<String> {
    let [expression, zone, start, due] = line.split('|').collect::<Vec<_>>().try_into().expect(line);
    let calendar = match Cron::parse(expression, Zone::parse(zone).unwrap()) {
        Ok(cron) => Calendar::from(cron),
        Err(error) => return Some(format!("{line}: {error}")),
    };
    let expected: Vec<_> = due.split(' ').map(instant).collect();
    let due = iter::successors(Some(instant(start)), |&at| calendar.next(at)).skip(1).take(expected.len());
    let due: Vec<_> = due.collect();
    (due != expected).then(|| format!("{line}: due at {due:?}"))
}

/// A time in UTC that may leave out its seconds.
fn instant(text: &str) -> DateTime<Utc> {
    let seconds = if text.len() == "2026-11-30T09:00".len() { ":00Z" } else { "Z" };
    at(&format!("{text}{seconds}"))
}
