//! Reading a cron expression: its fields, or the nickname that stands for them.

use super::{
    days::Days,
    field::{Field, Values},
    pattern::Pattern,
};

/// Expressions that have a name.
const NICKNAMES: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * SUN"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const FIELDS: [Field; 6] =
    [Field::Second, Field::Minute, Field::Hour, Field::DayOfMonth, Field::Month, Field::DayOfWeek];

/// A cron expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cron expression `{expression}`: {reason}")]
pub(crate) struct BadCron {
    expression: String,
    reason: String,
}

/// Reads an expression; says, too, whether it follows the clock.
pub(super) fn parse(expression: &str) -> Result<(Pattern, bool), BadCron> {
    read(expression).map_err(|reason| BadCron { expression: expression.to_owned(), reason })
}

fn read(expression: &str) -> Result<(Pattern, bool), String> {
    let texts: Vec<_> = spelled_out(expression.trim())?.split_whitespace().collect();
    let omitted = match texts.len() {
        5 => 1,
        6 => 0,
        count => return Err(miscounted(count)),
    };
    let read = |field: usize| match field.checked_sub(omitted) {
        Some(at) => FIELDS[field]
            .read(texts[at])
            .map_err(|reason| format!("field {} of {}, {}: {reason}", at + 1, texts.len(), FIELDS[field].name())),
        None => FIELDS[field].read("0"),
    };
    let all = [read(0), read(1), read(2), read(3), read(4), read(5)];
    let bad: Vec<_> = all.iter().filter_map(|field| field.as_ref().err().cloned()).collect();
    if let [Ok(second), Ok(minute), Ok(hour), Ok(day), Ok(month), Ok(week)] = all {
        let follows_clock = second.starred || minute.starred || hour.starred;
        return Ok((pattern([second, minute, hour, day, month, week]), follows_clock));
    }
    Err(bad.join("; "))
}

fn pattern([second, minute, hour, day, month, week]: [Values; 6]) -> Pattern {
    Pattern {
        seconds: second.numbers,
        minutes: minute.numbers,
        hours: hour.numbers,
        months: month.numbers,
        days: Days {
            numbers: day.numbers as u32,
            nearest: day.nearest,
            last: day.last,
            last_working: day.last_working,
            of_week: week.of_week,
            in_both: day.starred || week.starred,
        },
    }
}

/// What a nickname stands for; anything else stands for itself.
fn spelled_out(expression: &str) -> Result<&str, String> {
    if !expression.starts_with('@') {
        return Ok(expression);
    }
    if let Some((_, fields)) = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(expression)) {
        return Ok(fields);
    }
    if expression.eq_ignore_ascii_case("@reboot") {
        return Err("a start is no time of the calendar; use a task that runs once".to_owned());
    }
    let names: Vec<_> = NICKNAMES.iter().map(|(name, _)| *name).collect();
    Err(format!("unknown nickname; write one of {}, or five fields", names.join(", ")))
}

fn miscounted(count: usize) -> String {
    let year = if count == 7 { "; years cannot be given" } else { "" };
    let fields = "minute hour day-of-month month day-of-week, such as `0 9 * * MON-FRI`";
    format!("{count} fields{year}: write five ({fields}), or six with the second first")
}
