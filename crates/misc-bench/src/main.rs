//! `misc-bench <AREA> [--rounds N] [--case TEXT] [--instructions]`: what `cargo xtask bench` runs.
//!
//! It calls itself for what needs a process of its own: `--sample`, `--work` and `--load`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::{env, process::ExitCode, thread};

use misc_bench::{AREAS, Area, Better, Error, Figure, Options, area, count_instructions, measure};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &*arguments.iter().map(|argument| &**argument).collect::<Vec<_>>() {
        ["--sample", name, contender, case] => print_numbers(&(area(name)?.speed.take)(contender, case)?),
        ["--work", name, contender, operations] => {
            let work = area(name)?.work.as_ref().ok_or("this area has no work")?;
            (work.run)(contender, operations.parse()?)?;
        }
        ["--load", name, arguments @ ..] => {
            let load = area(name)?.load.as_ref().ok_or("this area has no load")?;
            print_numbers(&(load.run)(arguments)?);
        }
        ["all", options @ ..] => report(AREAS, options)?,
        [name, options @ ..] => report(&[area(name)?], options)?,
        [] => return Err("usage: misc-bench <AREA> [--rounds N] [--case TEXT] [--instructions]".into()),
    }
    Ok(())
}

fn print_numbers(numbers: &[f64]) {
    let numbers: Vec<_> = numbers.iter().map(f64::to_string).collect();
    println!("{}", numbers.join(" "));
}

/// Measures areas, and ends with all their figures.
fn report(areas: &[&'static Area], options: &[&str]) -> Result<(), Error> {
    let (options, instructions) = parse(options)?;
    let (system, machine) = (env::consts::OS, env::consts::ARCH);
    println!("machine: {} cores, {system} {machine}", thread::available_parallelism()?);
    let show = |table: String| println!("\n{table}");
    let mut figures = Vec::new();
    for area in areas {
        figures.extend(if instructions { count_instructions(area, show)? } else { measure(area, &options, show)? });
    }
    println!("\n{}", legend(&figures));
    figures.iter().for_each(|figure| println!("{figure}"));
    Ok(())
}

/// Says how to read the ratios.
fn legend(figures: &[Figure]) -> String {
    let mut higher: Vec<_> =
        figures.iter().map(|figure| figure.measure).filter(|measure| measure.better == Better::Higher).collect();
    higher.dedup();
    let names: Vec<_> = higher.iter().map(|measure| format!("`{}`", measure.name)).collect();
    let but = if names.is_empty() { String::new() } else { format!(", and of {} a higher one", names.join(", ")) };
    format!("figures: a ratio is ours to the peer's; a lower one is better{but}")
}

fn parse(arguments: &[&str]) -> Result<(Options, bool), Error> {
    let (mut options, mut instructions) = (Options::default(), false);
    let mut arguments = arguments.iter().copied();
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{flag}` needs a value"));
        match flag {
            "--rounds" => {
                let rounds = value()?.parse().ok().filter(|rounds| *rounds > 0);
                options.rounds = rounds.ok_or("`--rounds` needs a number")?;
            }
            "--case" => value()?.clone_into(&mut options.case),
            "--instructions" => instructions = true,
            _ => return Err(format!("`{flag}` is not known; there are --rounds, --case and --instructions").into()),
        }
    }
    Ok((options, instructions))
}
