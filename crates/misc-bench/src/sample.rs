//! Samples, each taken in a process of its own: none runs on the heap that another has left in pieces.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

use crate::{Area, Contender, Error};

/// Asks this program for one sample.
pub(crate) fn take(area: &Area, contender: Contender, case: &str) -> Result<Vec<f64>, Error> {
    let mut command = Command::new(env::current_exe()?);
    parse(&command.args(["--sample", area.name, contender.name, case]).output()?)
}

/// Asks the program that counts allocations.
pub(crate) fn weigh(area: &Area, contender: Contender, case: &str) -> Result<Vec<f64>, Error> {
    let scales = sibling("weigh")?;
    let mut command = Command::new(&scales);
    let output = command.args([area.name, contender.name, case]).output();
    parse(&output.map_err(|error| format!("{}: {error}", scales.display()))?)
}

/// Reads the numbers that a process has printed.
pub(crate) fn parse(output: &Output) -> Result<Vec<f64>, Error> {
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = str::from_utf8(&output.stdout)?;
    text.split_whitespace().map(|number| Ok(number.parse()?)).collect()
}

/// A program that was built beside this one.
fn sibling(name: &str) -> Result<PathBuf, Error> {
    Ok(env::current_exe()?.with_file_name(name).with_extension(env::consts::EXE_EXTENSION))
}
