//! Tables: a row for each contender, a column for each measure.

use std::fmt;

use crate::{
    Area,
    area::Measure,
    figure::{Numbers, Quartiles},
};

/// What was measured of everybody.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) measure: Measure,
    pub(crate) is_figure: bool,
    pub(crate) numbers: Numbers,
}

/// One case, or what is counted without one.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(crate) title: String,
    pub(crate) area: &'a Area,
    pub(crate) columns: &'a [Column],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.area.contenders.first().map_or("", |contender| contender.name);
        writeln!(f, "{}: medians, and ratios (quartiles) to {first} in the same round", self.title)?;
        write!(f, "{:<18}", "contender")?;
        for (at, column) in self.columns.iter().enumerate() {
            write!(f, " {:>14}", format!("{} {}", column.measure.name, column.measure.unit))?;
            if at == 0 {
                write!(f, "  {:<18}", "ratio")?;
            }
        }
        for (at, contender) in self.area.contenders.iter().enumerate() {
            write!(f, "\n{:<18}", contender.name)?;
            self.row(at, f)?;
        }
        Ok(())
    }
}

impl Table<'_> {
    fn row(&self, contender: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, column) in self.columns.iter().enumerate() {
            write!(f, " {:>14.2}", column.numbers.quartiles(contender).median)?;
            if at == 0 {
                let Quartiles { q1, median, q3 } = column.numbers.ratios(contender, 0);
                write!(f, "  {:<18}", format!("{median:.2} ({q1:.2}-{q3:.2})"))?;
            }
        }
        Ok(())
    }
}
