//! Instructions of one operation, counted by valgrind: they hardly depend on what else the machine does.

use std::{env, process::Command};

use crate::{
    Area, Contender, Error, Figure, Work,
    area::Measure,
    figure::Numbers,
    table::{Column, Table},
};

const INSTRUCTIONS: Measure = Measure::lower("instructions", "count");

/// Counts the instructions of one operation, in user space: those of 2n less those of n, by n.
///
/// Calls `show` with a table, and returns the figures.
///
/// # Errors
/// If valgrind is not there, if the area has nothing to count, or those of a contender.
pub fn count_instructions(area: &Area, show: impl FnOnce(String)) -> Result<Vec<Figure>, Error> {
    let Some(work) = &area.work else {
        return Err(format!("the area `{}` has no operations to count instructions of", area.name).into());
    };
    let mut numbers = Numbers::of(area.contenders.len());
    for (at, contender) in area.contenders.iter().enumerate() {
        numbers.push(at, each(area, work, *contender)?);
    }
    let columns = [Column { measure: INSTRUCTIONS, is_figure: true, numbers }];
    show(Table { title: format!("{} instructions", area.name), area, columns: &columns }.to_string());
    let [column] = &columns;
    let figure = |pair| Figure::new(area, &pair, INSTRUCTIONS.name, INSTRUCTIONS, &column.numbers);
    Ok(area.pairs().into_iter().map(figure).collect())
}

fn each(area: &Area, work: &Work, contender: Contender) -> Result<f64, Error> {
    let (once, twice) = (count(area, contender, work.operations)?, count(area, contender, work.operations * 2)?);
    Ok((twice - once) / f64::from(work.operations))
}

/// Counts the instructions of a process that does so many operations.
fn count(area: &Area, contender: Contender, operations: u32) -> Result<f64, Error> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe()?);
    command.args(["--work", area.name, contender.name, &operations.to_string()]);
    let output =
        command.output().map_err(|error| format!("cannot run valgrind, which counts instructions: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.filter(|_| output.status.success()).ok_or_else(|| said.into_owned().into())
}
