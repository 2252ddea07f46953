//! One field of a cron expression.
//!
//! croner reads what a field lists, item by item; what it would let pass in silence, such as an empty item or letters
//! after a `W`, is refused before.

use std::ops::RangeInclusive;

use croner::CronComponent;

/// How croner marks a number that is simply named.
const NAMED: u8 = 1;
/// How it marks the *n*-th day of the week in a month.
const NTH: [u8; 5] = [1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5];
/// How it marks the last one.
const LAST: u8 = 1 << 6;
/// How it marks the day of the month near which a working day is taken.
const NEAREST: u8 = 1 << 7;

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEK: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A field, by what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

/// What a field names. Bit *n* of a set stands for the number *n*.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub(super) numbers: u64,
    pub(super) nearest: u32,
    pub(super) last: bool,
    pub(super) last_working: bool,
    /// For each day of the week from Sunday on, which of those in the month, as in [`Days`](super::days::Days).
    pub(super) of_week: [u8; 7],
    /// Whether it starts with `*`.
    pub(super) starred: bool,
}

impl Field {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        }
    }

    /// Reads the field, or says what is wrong with it and what would be right.
    pub(super) fn read(self, text: &str) -> Result<Values, String> {
        let text = match self {
            Self::DayOfMonth | Self::DayOfWeek if text == "?" => "*".to_owned(),
            _ => text.to_ascii_uppercase(),
        };
        let mut values = Values { starred: text.starts_with('*'), ..Values::default() };
        for item in text.split(',') {
            values.add(self, &self.component(item)?);
        }
        Ok(values)
    }

    /// One item of the list that a field is.
    fn component(self, item: &str) -> Result<CronComponent, String> {
        let numbers = self.without_names(item);
        if let Some(complaint) = self.complaint(item, &numbers) {
            return Err(format!("`{item}` {complaint}; {}", self.usage()));
        }
        let range = self.range();
        let features = match self {
            Self::DayOfMonth => LAST | NEAREST,
            Self::DayOfWeek => NTH.iter().fold(LAST, |all, nth| all | nth),
            _ => 0,
        };
        let mut component = CronComponent::new(*range.start(), *range.end(), features, 0);
        // `5/15` is `5-59/15`.
        component.set_sloppy_ranges(true);
        component.parse(&numbers).map_err(|_| format!("`{item}` is not understood; {}", self.usage()))?;
        Ok(component)
    }

    /// The item with a number for each name.
    fn without_names(self, item: &str) -> String {
        let mut numbers = String::new();
        for word in item.split_inclusive(['-', '/', '#']) {
            let name = word.trim_end_matches(['-', '/', '#']);
            let last = name.strip_suffix('L').unwrap_or(name);
            match [name, last].into_iter().find_map(|name| Some((self.number(name)?, name.len()))) {
                // A week that starts on another day and ends on a Sunday ends on its seventh day.
                Some((0, length)) if numbers.ends_with('-') && numbers != "0-" => {
                    numbers.extend(["7", &word[length..]]);
                }
                Some((number, length)) => numbers.extend([&number.to_string(), &word[length..]]),
                None => numbers.push_str(word),
            }
        }
        numbers
    }

    /// The number of a name.
    fn number(self, name: &str) -> Option<usize> {
        match self {
            Self::Month => MONTHS.iter().position(|month| *month == name).map(|index| index + 1),
            Self::DayOfWeek => WEEK.iter().position(|day| *day == name),
            _ => None,
        }
    }

    /// What is wrong with an item, as far as that can be told in words of its own.
    fn complaint(self, item: &str, numbers: &str) -> Option<&'static str> {
        let special = match self {
            Self::DayOfMonth => "LW",
            Self::DayOfWeek => "L#",
            _ => "",
        };
        let is_known = |c: char| c.is_ascii_digit() || "*/-".contains(c) || special.contains(c);
        let bounds = bounds(numbers);
        let complaints = [
            (item.is_empty(), "names nothing, since there is a comma too many"),
            (!numbers.chars().all(is_known), "is not understood"),
            (bounds.iter().any(|bound| !self.range().contains(bound)), "is out of range"),
            (!bounds.is_sorted(), "ends before it starts: write two ranges with a comma between them"),
            (numbers.ends_with("/0"), "has a step of zero"),
            (numbers.starts_with('/'), "steps from nowhere: write `*` before it"),
            (self == Self::DayOfWeek && numbers == "L", "is the last of which day? `FRIL` is the last Friday"),
            (numbers.find('W').is_some_and(|at| at + 1 < numbers.len()), "goes on after its `W`"),
        ];
        complaints.into_iter().find_map(|(applies, complaint)| applies.then_some(complaint))
    }

    fn range(self) -> RangeInclusive<u16> {
        match self {
            Self::Second | Self::Minute => 0..=59,
            Self::Hour => 0..=23,
            Self::DayOfMonth => 1..=31,
            Self::Month => 1..=12,
            Self::DayOfWeek => 0..=7,
        }
    }

    /// What can be written.
    fn usage(self) -> &'static str {
        match self {
            Self::Second => "seconds are 0 to 59, as in `30`, `0-29`, `*/10`, `0,30`",
            Self::Minute => "minutes are 0 to 59, as in `30`, `0-29`, `*/10`, `0,30`",
            Self::Hour => "hours are 0 to 23, as in `9`, `9-17`, `*/6`, `9,18`",
            Self::DayOfMonth => {
                "days are 1 to 31, as in `1`, `1-7`, `*/2`, `1,15`; `L` is the last, `LW` the last from Monday to \
                 Friday, `15W` the nearest such to the 15th"
            }
            Self::Month => "months are 1 to 12 or JAN to DEC, as in `3`, `JUN-AUG`, `*/3`, `1,7`",
            Self::DayOfWeek => {
                "days are SUN to SAT or 0 to 7 (0 and 7 are Sunday), as in `MON-FRI`, `1,5`; `FRI#2` is the second \
                 Friday of a month, `FRIL` the last"
            }
        }
    }
}

impl Values {
    /// Adds what an item names.
    fn add(&mut self, field: Field, item: &CronComponent) {
        let numbers = |mark| item.get_set_values(mark).into_iter();
        match field {
            Field::DayOfWeek => {
                for mark in NTH.into_iter().chain([NAMED, LAST]) {
                    numbers(mark).for_each(|day| self.of_week[usize::from(day % 7)] |= mark);
                }
            }
            _ => self.numbers = numbers(NAMED).fold(self.numbers, |set, number| set | 1 << number),
        }
        if field == Field::DayOfMonth {
            self.nearest = numbers(NEAREST).fold(self.nearest, |set, day| set | 1 << day);
            let working = item.is_feature_enabled(NEAREST);
            self.last_working |= item.is_feature_enabled(LAST) && working;
            self.last |= item.is_feature_enabled(LAST) && !working;
        }
    }
}

/// The number of an item, or both of its range. One that is too large for us is too large for every field.
fn bounds(numbers: &str) -> Vec<u16> {
    let range = numbers.split(['/', '#', 'L', 'W']).next().unwrap_or_default();
    let words = range.split('-').filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()));
    words.map(|word| word.parse().unwrap_or(u16::MAX)).collect()
}
