//! Due times by the calendar: what people expect where clocks change, and what errors say.

mod model;
mod vectors;

use std::num::NonZeroU32;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn cron(expression: &str, zone: &str) -> Calendar {
    Cron::parse(expression, Zone::parse(zone).unwrap()).unwrap().into()
}

fn daily(time: &str, zone: &str) -> Daily {
    Daily::new(TimeOfDay::parse(time).unwrap(), Zone::parse(zone).unwrap())
}

/// The first due times after one are these.
#[track_caller]
fn check(calendar: impl Into<Calendar>, after: &str, expected: &[&str]) {
    let calendar = calendar.into();
    let due = iter::successors(Some(at(after)), |&at| calendar.next(at)).skip(1).take(expected.len());
    let expected: Vec<_> = expected.iter().map(|text| at(text)).collect();
    assert_eq!(due.collect::<Vec<_>>(), expected, "{calendar:?}");
}

#[track_caller]
fn check_bad(expression: &str, reason: &str) {
    let error = Cron::parse(expression, Zone::UTC).unwrap_err().to_string();
    assert_eq!(error, format!("cron expression `{expression}`: {reason}"));
}

#[test]
fn a_fixed_time_that_is_skipped_is_due_at_the_change() {
    for calendar in [cron("30 2 * * *", "Europe/Berlin"), daily("02:30", "Europe/Berlin").into()] {
        check(
            calendar,
            "2026-03-27T12:00:00Z",
            &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        );
    }
    let lord_howe = cron("15 2 * * *", "Australia/Lord_Howe"); // from 02:00 to 02:30
    check(lord_howe, "2026-10-03T12:00:00Z", &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]);
    let sao_paulo = cron("30 0 * * *", "America/Sao_Paulo"); // from midnight to 01:00
    check(sao_paulo, "2018-11-03T12:00:00Z", &["2018-11-04T03:00:00Z", "2018-11-05T02:30:00Z"]);
}

#[test]
fn skipped_times_are_due_at_the_change_together() {
    let apart = cron("0,20,40 2,3 * * *", "Europe/Berlin");
    check(apart, "2026-03-29T00:50:00Z", &["2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z"]);
    let seconds = cron("30 30 2 * * *", "Europe/Berlin");
    check(seconds, "2026-03-29T00:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:30:30Z"]);
}

#[test]
fn a_fixed_time_of_a_skipped_day_is_due_when_the_next_one_starts() {
    check(cron("0 9 30 12 *", "Pacific/Apia"), "2011-12-29T20:00:00Z", &["2011-12-30T10:00:00Z"]);
    check(daily("09:00", "Pacific/Apia"), "2011-12-29T20:00:00Z", &["2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"]);
}

#[test]
fn a_fixed_time_that_is_repeated_is_due_once() {
    for calendar in [cron("30 2 * * *", "Europe/Berlin"), daily("02:30", "Europe/Berlin").into()] {
        check(calendar, "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }
    // However it is asked while the clocks repeat themselves.
    for after in ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:29:59Z", "2026-10-25T01:45:00Z"] {
        check(cron("30 2 * * *", "Europe/Berlin"), after, &["2026-10-26T01:30:00Z"]);
        check(cron("0 3 * * *", "Europe/Berlin"), after, &["2026-10-25T02:00:00Z"]);
    }
}

#[test]
fn a_wildcard_follows_the_clock() {
    let spring = cron("*/30 * * * *", "Europe/Berlin");
    check(spring.clone(), "2026-03-29T00:00:00Z", &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"]);
    check(cron("30 */2 * * *", "Europe/Berlin"), "2026-03-29T00:00:00Z", &["2026-03-29T02:30:00Z"]);
    let autumn = ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"];
    check(spring, "2026-10-24T23:30:00Z", &autumn);
    // One minute after midnight it is Saturday again.
    let saturday = cron("30 * * * SAT", "America/St_Johns");
    check(saturday, "2010-11-07T01:10:00Z", &["2010-11-07T02:00:00Z", "2010-11-07T03:00:00Z"]);
    let twice = cron("* 2 * * *", "Australia/Lord_Howe"); // from 02:00 to 01:30
    check(twice, "2026-04-04T14:58:00Z", &["2026-04-04T15:30:00Z", "2026-04-04T15:31:00Z"]);
}

#[test]
fn offsets_need_not_be_full_hours() {
    check(daily("00:00", "Asia/Kathmandu"), "2026-11-30T00:00:00Z", &["2026-11-30T18:15:00Z"]);
    check(cron("*/30 * * * *", "Asia/Kathmandu"), "2026-11-30T00:00:00Z", &["2026-11-30T00:15:00Z"]);
}

#[test]
fn a_pause_of_summer_time_is_two_changes() {
    let casablanca = daily("02:30", "Africa/Casablanca"); // back at 03:00 on 15 February, forward at 02:00 on 22 March
    check(casablanca.clone(), "2026-02-14T12:00:00Z", &["2026-02-15T01:30:00Z", "2026-02-16T02:30:00Z"]);
    check(casablanca, "2026-03-21T12:00:00Z", &["2026-03-22T02:00:00Z", "2026-03-23T01:30:00Z"]);
}

#[test]
fn days_are_in_either_field_or_in_both_if_one_has_a_star() {
    check(cron("0 0 13 * FRI", "UTC"), "2026-11-30T00:00:00Z", &["2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z"]);
    check(cron("0 0 */13 * FRI", "UTC"), "2026-11-30T00:00:00Z", &["2027-01-01T00:00:00Z", "2027-05-14T00:00:00Z"]);
    check(cron("0 0 ? * SAT-SUN", "UTC"), "2026-11-30T00:00:00Z", &["2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z"]);
}

#[test]
fn knows_last_nearest_and_nth_days() {
    let after = "2026-01-01T12:00:00Z";
    check(cron("0 0 L * *", "UTC"), after, &["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"]);
    check(cron("0 0 LW * *", "UTC"), after, &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]);
    check(cron("0 0 L,LW * *", "UTC"), after, &["2026-01-30T00:00:00Z", "2026-01-31T00:00:00Z"]);
    check(cron("0 0 1W,31W * *", "UTC"), after, &["2026-01-30T00:00:00Z", "2026-02-02T00:00:00Z"]);
    check(cron("0 0 * * FRI#2", "UTC"), after, &["2026-01-09T00:00:00Z", "2026-02-13T00:00:00Z"]);
    check(cron("0 0 * * sunl", "UTC"), after, &["2026-01-25T00:00:00Z", "2026-02-22T00:00:00Z"]);
    check(cron("0 0 * * 7#5", "UTC"), after, &["2026-03-29T00:00:00Z", "2026-05-31T00:00:00Z"]);
}

#[test]
fn knows_names_in_ranges_and_steps() {
    let after = "2026-01-01T12:00:00Z";
    check(cron("0 0 1 jul-Sep/2 *", "UTC"), after, &["2026-07-01T00:00:00Z", "2026-09-01T00:00:00Z"]);
    check(cron("0 0 * JUL FRI-SUN", "UTC"), after, &["2026-07-03T00:00:00Z", "2026-07-04T00:00:00Z"]);
    check(cron("0 0 * * SAT-SUN/1,3", "UTC"), after, &["2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"]);
    check(cron("0 0 * * SUN-SUN", "UTC"), after, &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]);
    check(cron("3-3/2 0 * * *", "UTC"), after, &["2026-01-02T00:03:00Z", "2026-01-03T00:03:00Z"]);
}

#[test]
fn knows_nicknames_and_seconds() {
    let after = "2026-11-30T10:20:30.5Z";
    check(cron("@hourly", "UTC"), after, &["2026-11-30T11:00:00Z"]);
    check(cron("@midnight", "UTC"), after, &["2026-12-01T00:00:00Z"]);
    check(cron("@Weekly", "UTC"), after, &["2026-12-06T00:00:00Z"]);
    check(cron("@yearly", "UTC"), after, &["2027-01-01T00:00:00Z"]);
    check(cron("*/10 * * * * *", "UTC"), after, &["2026-11-30T10:20:40Z"]);
    check(cron("30,31 20 10 * * *", "UTC"), after, &["2026-11-30T10:20:31Z", "2026-12-01T10:20:30Z"]);
}

#[test]
fn a_time_that_never_comes_is_none() {
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 */2 2 MON#5"] {
        let due = cron(never, "Europe/Berlin").next(at("2026-01-01T00:00:00Z"));
        assert!(due.is_none() || never.contains('#'), "{never}: {due:?}");
    }
    check(cron("0 0 29 2 */7", "UTC"), "2088-03-01T00:00:00Z", &["2128-02-29T00:00:00Z"]);
    let end = DateTime::<Utc>::MAX_UTC;
    assert_eq!(cron("* * * * *", "Europe/Berlin").next(end), None);
    assert_eq!(Calendar::from(daily("09:00", "Asia/Tokyo")).next(end), None);
    assert!(cron("* * * * *", "America/New_York").next(DateTime::<Utc>::MIN_UTC).is_none());
}

#[test]
fn tells_wildcards_from_fixed_times() {
    for wildcard in ["* 2 * * *", "*/5 2 * * *", "0 * * * *", "0 */2 * * *", "*,5 2 * * *", "* 0 2 * * *", "@hourly"] {
        assert!(cron(wildcard, "UTC").follows_clock(), "{wildcard}");
    }
    for fixed in ["0 2 * * *", "0-59 0-23/2 * * *", "0 0 2 * * *", "0 9 L * MON#1", "@daily"] {
        assert!(!cron(fixed, "UTC").follows_clock(), "{fixed}");
    }
    assert!(!Calendar::from(daily("09:00", "UTC")).follows_clock());
}

#[test]
fn every_few_days_are_the_same_days_for_everybody() {
    let days = NonZeroU32::new(3).unwrap();
    let third = daily("09:00", "Europe/Berlin").every(days);
    check(third.clone(), "2026-11-30T12:00:00Z", &["2026-12-03T08:00:00Z", "2026-12-06T08:00:00Z"]);
    let started = third.starting("2027-01-01").unwrap();
    check(started.clone(), "2026-11-30T12:00:00Z", &["2027-01-01T08:00:00Z", "2027-01-04T08:00:00Z"]);
    check(started, "2027-01-05T00:00:00Z", &["2027-01-07T08:00:00Z"]);
    let error = daily("09:00", "UTC").starting("2027-02-30").unwrap_err().to_string();
    assert_eq!(error, "date `2027-02-30`: write year, month and day of one that exists, such as `2027-01-31`");
}

#[test]
fn lists_what_was_due_in_a_time() {
    let hourly = cron("@hourly", "UTC");
    let (from, to) = (at("2026-11-30T10:00:00Z"), at("2026-11-30T12:00:00Z"));
    let due: Vec<_> = hourly.between(from, to).collect();
    assert_eq!(due, [at("2026-11-30T11:00:00Z"), to]);
    assert_eq!(hourly.last_between(from, to), Some(to));
    assert_eq!(hourly.last_between(from, to - TimeDelta::milliseconds(1)), Some(at("2026-11-30T11:00:00Z")));
    assert_eq!(hourly.last_between(from, from), None);
    assert_eq!(hourly.last_between(from, at("2026-11-30T10:59:59.9Z")), None);
}

#[test]
fn the_last_due_time_is_the_last_of_all() {
    let (from, to) = (at("2026-03-27T10:00:00.25Z"), at("2026-03-30T11:11:11.75Z"));
    for expression in ["* * * * *", "30 2 * * *", "*/7 2 * * *", "0 0 1 1 *", "15 3 29 3 *", "*/13 */5 3 * * *"] {
        let calendar = cron(expression, "Europe/Berlin");
        assert_eq!(calendar.last_between(from, to), calendar.between(from, to).last(), "{expression}");
    }
    let secondly = cron("* * * * * *", "UTC");
    assert_eq!(secondly.last_between(from - TimeDelta::days(3650), to), Some(at("2026-03-30T11:11:11Z")));
}

#[test]
fn says_what_is_wrong_where_and_what_would_be_right() {
    let minutes = "minutes are 0 to 59, as in `30`, `0-29`, `*/10`, `0,30`";
    check_bad("60 * * * *", &format!("field 1 of 5, minute: `60` is out of range; {minutes}"));
    check_bad(
        "0 1,,2 * * * *",
        &format!("field 2 of 6, minute: `` names nothing, since there is a comma too many; {minutes}"),
    );
    check_bad("*/0 * * * *", &format!("field 1 of 5, minute: `*/0` has a step of zero; {minutes}"));
    let hours = "hours are 0 to 23, as in `9`, `9-17`, `*/6`, `9,18`";
    check_bad(
        "0 22-6 * * *",
        &format!(
            "field 2 of 5, hour: `22-6` ends before it starts: write two ranges with a comma between them; {hours}"
        ),
    );
    check_bad(
        "61 25 * * *",
        &format!(
            "field 1 of 5, minute: `61` is out of range; {minutes}; field 2 of 5, hour: `25` is out of range; {hours}"
        ),
    );
    let five = "write five (minute hour day-of-month month day-of-week, such as `0 9 * * MON-FRI`), or six with the second first";
    check_bad("* * * *", &format!("4 fields: {five}"));
    check_bad("", &format!("0 fields: {five}"));
    check_bad("0 0 9 * * MON 2027", &format!("7 fields; years cannot be given: {five}"));
    check_bad("@reboot", "a start is no time of the calendar; use a task that runs once");
    check_bad(
        "@dayly",
        "unknown nickname; write one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, or five fields",
    );
}

#[test]
fn refuses_what_it_might_misread() {
    for field in
        ["+5", "1JAN", "JAN0", "JANFEB", "1-2-3", "5W", "L", "5#2", "99999", "-", "1-", "/5", "1/", "1//2", "?"]
    {
        assert!(Cron::parse(&format!("0 0 1 {field} *"), Zone::UTC).is_err(), "month `{field}`");
    }
    for field in
        ["L", "8", "FRI#6", "FRI#0", "FRI#", "#2", "FRI-MON", "MONTUE", "FRI2", "LW", "5W", "FRI#2#3", "?,1", "é"]
    {
        assert!(Cron::parse(&format!("0 0 * * {field}"), Zone::UTC).is_err(), "day of week `{field}`");
    }
    for field in ["0", "32", "32W", "W", "15W2", "15WW", "1-5W", "L-3", "5L", "L/2", "1#1", "15W/2", "ſ"] {
        assert!(Cron::parse(&format!("0 0 {field} * *"), Zone::UTC).is_err(), "day of month `{field}`");
    }
}

#[test]
fn is_small() {
    assert!(size_of::<Calendar>() <= 72, "{} bytes", size_of::<Calendar>());
}
