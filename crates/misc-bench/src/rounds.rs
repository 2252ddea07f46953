//! Rounds: every contender takes its turn in each, so that a slow moment of the machine strikes them alike.

use crate::{
    Area, Error, Figure,
    area::{Measure, Probe},
    figure::Numbers,
    sample,
    table::{Column, Table},
};

/// How, and which part of, an area is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How many rounds count (5), after one that does not.
    pub rounds: usize,
    /// Only this case, or those whose names contain this text.
    pub case: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { rounds: 5, case: String::new() }
    }
}

/// Measures an area: calls `show` with a table for each case, and returns its figures.
///
/// # Errors
/// Those of a contender, or that no case contains the text.
pub fn measure(area: &Area, options: &Options, mut show: impl FnMut(String)) -> Result<Vec<Figure>, Error> {
    let cases = chosen(area, &options.case);
    if cases.is_empty() {
        return Err(format!("no case is like `{}`; there are {}", options.case, area.cases.join(", ")).into());
    }
    let mut figures = Vec::new();
    for case in cases {
        let Some(columns) = columns(area, case, options.rounds)? else {
            show(format!("{} {case}: left out, as the server that it needs does not answer", area.name));
            continue;
        };
        show(Table { title: format!("{} {case}", area.name), area, columns: &columns }.to_string());
        figures.extend(columns.iter().filter(|column| column.is_figure).flat_map(|column| {
            let name = format!("{case}/{}", column.measure.name);
            area.pairs().into_iter().map(move |pair| Figure::new(area, &pair, &name, column.measure, &column.numbers))
        }));
    }
    Ok(figures)
}

/// The case of that name, or all that have it as a part of theirs.
fn chosen(area: &Area, part: &str) -> Vec<&'static str> {
    let exact = area.cases.contains(&part);
    area.cases.iter().copied().filter(|case| if exact { *case == part } else { case.contains(part) }).collect()
}

/// Measures one case: a column of numbers for each measure; `None` if a sample says, by no numbers, that it cannot be taken.
fn columns(area: &Area, case: &str, rounds: usize) -> Result<Option<Vec<Column>>, Error> {
    let mut columns = empty(area, &area.speed);
    for round in 0..=rounds {
        for at in turns(round, area.contenders.len()) {
            let numbers = sample::take(area, area.contenders[at], case)?;
            if numbers.is_empty() {
                return Ok(None);
            }
            // The first round only makes files and caches warm.
            if round > 0 {
                put(&mut columns, at, &numbers)?;
            }
        }
    }
    if let Some(weight) = &area.weight {
        let mut weights = empty(area, weight);
        for (at, contender) in area.contenders.iter().enumerate() {
            put(&mut weights, at, &sample::weigh(area, *contender, case)?)?;
        }
        columns.append(&mut weights);
    }
    Ok(Some(columns))
}

fn empty(area: &Area, probe: &Probe) -> Vec<Column> {
    let column = |measure: &Measure, is_figure| Column {
        measure: *measure,
        is_figure,
        numbers: Numbers::of(area.contenders.len()),
    };
    let figures = probe.figures.iter().map(|measure| column(measure, true));
    figures.chain(probe.details.iter().map(|measure| column(measure, false))).collect()
}

fn put(columns: &mut [Column], contender: usize, numbers: &[f64]) -> Result<(), Error> {
    if numbers.len() != columns.len() {
        return Err(format!("a sample has {} numbers instead of {}", numbers.len(), columns.len()).into());
    }
    for (column, number) in columns.iter_mut().zip(numbers) {
        column.numbers.push(contender, *number);
    }
    Ok(())
}

/// Returns the order of a round: each contender comes first, and last, equally often.
fn turns(round: usize, count: usize) -> impl Iterator<Item = usize> {
    let backwards = (round / count) % 2 == 1;
    (0..count).map(move |turn| {
        let turn = if backwards { count - 1 - turn } else { turn };
        (round + turn) % count
    })
}
