//! Due times as Debian's cron finds them, by a look at the clock each minute.
//!
//! Whether a time on the clock is named, croner says, which reads expressions in another way than ours.

use chrono::DurationRound as _;
use croner::parser::CronParser;
use fastrand::Rng;

use super::*;

/// Days on which clocks are set: by an hour and by others, at midnight, over a whole day, twice within weeks.
const CHANGES: &[(&str, &str)] = &[
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00:00Z"),
    ("America/Havana", "2026-03-08T05:00:00Z"),
    ("America/Havana", "2026-11-01T05:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("Antarctica/Troll", "2026-03-29T01:00:00Z"),
    ("Antarctica/Troll", "2026-10-25T01:00:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
    ("Asia/Pyongyang", "2015-08-14T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Kwajalein", "1969-09-30T13:00:00Z"),
    ("UTC", "2024-02-29T00:00:00Z"),
];

#[test]
fn are_due_as_debians_cron_finds_them() {
    let mut random = Rng::with_seed(20_261_130);
    for round in 0..600 {
        let (zone, change) = CHANGES[round % CHANGES.len()];
        let expression = expression(&mut random, at(change));
        let calendar = cron(&expression, zone);
        let from = at(change) - TimeDelta::seconds(random.i64(0..100_000));
        let to = from + TimeDelta::days(2);
        let expected = model(&expression, Zone::parse(zone).unwrap(), from, to);
        let due: Vec<_> = calendar.between(from, to).collect();
        assert_eq!(due, expected, "`{expression}` in {zone} after {from}");
        assert_eq!(calendar.last_between(from, to), expected.last().copied(), "`{expression}` in {zone}");
        for _ in 0..10 {
            let after = from + TimeDelta::milliseconds(random.i64(0..172_800_000));
            let due = calendar.next(after).filter(|&due| due <= to);
            let expected = expected.iter().copied().find(|&due| due > after);
            assert_eq!(due, expected, "`{expression}` in {zone} after {after}");
        }
    }
}

#[test]
fn are_due_as_croner_has_them_where_no_clock_is_set() {
    let mut random = Rng::with_seed(20_261_130);
    for _ in 0..2_000 {
        let mut after = at("2026-01-01T00:00:00Z") + TimeDelta::seconds(random.i64(0..1_000_000_000));
        let expression = expression(&mut random, after);
        let (calendar, croner) = (cron(&expression, "UTC"), by_croner(&expression));
        for _ in 0..5 {
            let expected = croner.find_next_occurrence(&after.naive_utc(), false).unwrap().and_utc();
            assert_eq!(calendar.next(after), Some(expected), "`{expression}` after {after}");
            after = expected;
        }
    }
}

#[test]
fn reads_what_it_accepts_as_croner_does() {
    const WORDS: [&str; 20] =
        ["*", "/", "-", ",", "#", "L", "W", "?", "MON", "SUN", "JUL", "0", "1", "2", "5", "7", "15", "31", "é", "+"];
    let mut random = Rng::with_seed(20_261_130);
    let after = at("2026-01-01T00:00:00Z");
    let mut accepted = 0;
    for _ in 0..20_000 {
        let field: String = (0..random.usize(1..6)).map(|_| WORDS[random.usize(0..WORDS.len())]).collect();
        let mut fields = ["0", "0", "*", "*", "*"];
        fields[random.usize(0..fields.len())] = &field;
        let expression = fields.join(" ");
        // croner knows no list of all and more.
        let lists_all = field.contains(',') && field.contains('*');
        let Ok(cron) = Cron::parse(&expression, Zone::UTC) else { continue };
        if !lists_all {
            let expected = by_croner(&expression).find_next_occurrence(&after.naive_utc(), false);
            assert_eq!(cron.next(after), expected.ok().map(|at| at.and_utc()), "`{expression}`");
            accepted += 1;
        }
    }
    assert!(accepted > 1_000, "{accepted}");
}

/// What is due after one instant until another.
fn model(expression: &str, zone: Zone, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let croner = by_croner(expression);
    let names = |wall| croner.is_time_matching(&wall).unwrap();
    let follows_clock = cron(expression, "UTC").follows_clock();
    let minute = TimeDelta::minutes(1);
    let mut now = from.duration_trunc(minute).unwrap() - TimeDelta::hours(30);
    // The latest time that clocks have shown.
    let mut shown = zone.wall(now).unwrap();
    let mut due = Vec::new();
    while now <= to {
        let wall = zone.wall(now).unwrap();
        let missed = iter::successors(Some(shown + minute), |&wall| Some(wall + minute));
        let is_due = if follows_clock { names(wall) } else { missed.take_while(|&missed| missed <= wall).any(names) };
        shown = shown.max(wall);
        if is_due && now > from {
            due.push(now);
        }
        now += minute;
    }
    due
}

fn by_croner(expression: &str) -> croner::Cron {
    let mut fields = expression.split_whitespace().skip(2);
    let starred = |field: Option<&str>| field.unwrap().starts_with(['*', '?']);
    let both = starred(fields.next()) | starred(fields.nth(1));
    CronParser::builder().dom_and_dow(both).sloppy_ranges(true).build().parse(expression).unwrap()
}

/// An expression of which something may be due within days, and close to an hour.
fn expression(random: &mut Rng, near: DateTime<Utc>) -> String {
    let hour = chrono::Timelike::hour(&near);
    let hours = [hour, hour + 1, hour + 2, hour + 10, hour + 23].map(|hour| (hour % 24).to_string());
    let minute = item(random, 0, 59, &["0".into(), "30".into()]);
    let hour = item(random, 0, 23, &hours);
    let mut days = || match random.u8(0..8) {
        0..4 => "*".to_owned(),
        4 => format!("{}W", random.u8(1..=31)),
        5 => ["L", "LW", "L,15W", "*/2", "1W,31W"][random.usize(0..5)].to_owned(),
        _ => list(random, 1, 31),
    };
    let days = days();
    let months = if random.u8(0..4) == 0 { list(random, 1, 12) } else { "*".to_owned() };
    let week = match random.u8(0..8) {
        0..4 => "*".to_owned(),
        4 => format!("{}#{}", random.u8(0..=7), random.u8(1..=5)),
        5 => ["MON-FRI", "SAT,SUN", "FRI-SUN", "SUNL", "3L,TUE", "*/2"][random.usize(0..6)].to_owned(),
        _ => list(random, 0, 7),
    };
    format!("{minute} {hour} {days} {months} {week}")
}

fn item(random: &mut Rng, low: u32, high: u32, near: &[String]) -> String {
    match random.u8(0..8) {
        0 => "*".to_owned(),
        1 => format!("*/{}", random.u32(1..=high)),
        2 => list(random, low, high),
        _ => near[random.usize(0..near.len())].clone(),
    }
}

fn list(random: &mut Rng, low: u32, high: u32) -> String {
    let mut item = || {
        let (start, end) = (random.u32(low..=high), random.u32(low..=high));
        let (start, end) = (start.min(end), start.max(end));
        match random.u8(0..3) {
            0 => start.to_string(),
            1 => format!("{start}-{end}"),
            _ => format!("{start}-{end}/{}", random.u32(1..=high)),
        }
    };
    [item(), item()].join(",")
}
