//! Figures: ours beside a peer, in one line.

use std::fmt;

use crate::{
    Area,
    area::{Measure, Pair},
};

/// How ours compares to a peer: `AREA FIGURE ratio=R ours=X peer=Y unit=U`.
///
/// All three are medians. The ratio is ours to the peer's within the same round, so that it need not be exactly the
/// ratio of the two.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Figure {
    /// The name of the area.
    pub area: &'static str,
    /// The name in the area: whose, in which case, and what.
    pub name: String,
    /// Ours to the peer's.
    pub ratio: f64,
    /// Our number.
    pub ours: f64,
    /// The peer's.
    pub peer: f64,
    /// What was measured.
    pub measure: Measure,
}

impl Figure {
    pub(crate) fn new(area: &Area, pair: &Pair, what: &str, measure: Measure, numbers: &Numbers) -> Self {
        Self {
            area: area.name,
            name: pair.figure(what),
            ratio: numbers.ratios(pair.ours, pair.peer).median,
            ours: numbers.quartiles(pair.ours).median,
            peer: numbers.quartiles(pair.peer).median,
            measure,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { area, name, ratio, ours, peer, measure } = self;
        write!(f, "{area} {name} ratio={ratio:.3} ours={ours:.2} peer={peer:.2} unit={}", measure.unit)
    }
}

/// The numbers of every contender, round by round.
#[derive(Debug)]
pub(crate) struct Numbers(Vec<Vec<f64>>);

impl Numbers {
    pub(crate) fn of(contenders: usize) -> Self {
        Self(vec![Vec::new(); contenders])
    }

    pub(crate) fn push(&mut self, contender: usize, number: f64) {
        self.0[contender].push(number);
    }

    pub(crate) fn quartiles(&self, contender: usize) -> Quartiles {
        Quartiles::of(self.0[contender].iter().copied())
    }

    /// The ratios of one to another, each within a round.
    pub(crate) fn ratios(&self, contender: usize, other: usize) -> Quartiles {
        Quartiles::of(self.0[contender].iter().zip(&self.0[other]).map(|(one, other)| one / other))
    }
}

/// The first quartile, the median and the third quartile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quartiles {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Quartiles {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        let Some(last) = values.len().checked_sub(1) else {
            return Self { q1: f64::NAN, median: f64::NAN, q3: f64::NAN };
        };
        // Between two values, as near to each as its place is.
        let at = |quarter: usize| {
            let place = last * quarter;
            let (low, high) = (values[place / 4], values[last.min(place / 4 + 1)]);
            let part = [0.0, 0.25, 0.5, 0.75][place % 4];
            low + (high - low) * part
        };
        Self { q1: at(1), median: at(2), q3: at(3) }
    }
}
