//! `cargo xtask ci`: every check in one command, quick ones first, with the seconds that each took.
#![expect(clippy::disallowed_types, reason = "no test pauses the time that CI takes")]

use std::time::{Duration, Instant};

use crate::{
    args::Args,
    failure::{Failure, Result},
};

/// The commands that make up CI.
const STEPS: &[&[&str]] = &[
    &["fmt"],
    &["tidy"],
    &["gen", "--check"],
    &["deny"],
    &["lint"],
    &["test"],
    &["doc"],
    &["features"],
    &["consumers"],
    &["fuzz", "all", "--seconds", "3"],
    &["demo", "all", "--built"],
    &["torture", "queue", "--kills", "5", "--jobs", "1000"],
];

/// Past this, people stop waiting for CI: time to move something out of it.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// A step that was run: its name, its time, and how it ended.
struct Outcome {
    name: &'static str,
    took: Duration,
    result: Result,
}

pub(crate) fn run(mut args: Args) -> Result {
    let skipped = args.values("--skip")?;
    let keep_going = args.flag("--keep-going");
    args.finish()?;
    let steps = steps_without(&skipped)?;

    let mut outcomes = Vec::new();
    for step in steps {
        let outcome = run_step(step);
        let stop = outcome.result.is_err() && !keep_going;
        outcomes.push(outcome);
        if stop {
            break;
        }
    }
    print!("{}", report(&outcomes));
    verdict(outcomes)
}

fn steps_without(skipped: &[String]) -> Result<Vec<&'static [&'static str]>> {
    if let Some(name) = skipped.iter().find(|name| STEPS.iter().all(|step| step[0] != name.as_str())) {
        let names: Vec<_> = STEPS.iter().map(|step| step[0]).collect();
        return Err(Failure::Usage(format!("`--skip {name}` names no step; steps: {}", names.join(", "))));
    }
    Ok(STEPS.iter().copied().filter(|step| skipped.iter().all(|name| name != step[0])).collect())
}

fn run_step(step: &'static [&'static str]) -> Outcome {
    println!("\n== {}", step.join(" "));
    let start = Instant::now();
    let result = crate::dispatch(Args::new(step.iter().copied()));
    Outcome { name: step[0], took: start.elapsed(), result }
}

fn report(outcomes: &[Outcome]) -> String {
    let total: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    let line = |name: &str, took: Duration, mark: &str| format!("{name:<10} {:>7.1} s{mark}\n", took.as_secs_f64());
    let steps = outcomes
        .iter()
        .map(|Outcome { name, took, result }| line(name, *took, if result.is_ok() { "" } else { "  FAILED" }));
    let minutes = PATIENCE.as_secs() / 60;
    let warning = (total > PATIENCE).then(|| format!("warning: this took more than {minutes} minutes\n"));
    let title = "\n== summary\n".to_owned();
    let lines = std::iter::once(title).chain(steps).chain([line("total", total, "")]);
    lines.chain(warning).collect()
}

fn verdict(outcomes: Vec<Outcome>) -> Result {
    let failed: Vec<_> =
        outcomes.into_iter().filter_map(|Outcome { name, result, .. }| Some((name, result.err()?))).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let lines = failed.into_iter().map(|(name, failure)| {
        let (Failure::Usage(text) | Failure::Check(text)) = failure;
        format!("\n  {name}: {text}")
    });
    Err(Failure::check(lines.fold("ci failed".to_owned(), |all, line| all + &line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &'static str, seconds: u64, result: Result) -> Outcome {
        Outcome { name, took: Duration::from_secs(seconds), result }
    }

    #[test]
    fn every_step_is_a_command() {
        for step in STEPS {
            assert!(crate::COMMANDS.iter().any(|command| command.name == step[0]), "{step:?}");
        }
    }

    #[test]
    fn reports_times_failures_and_lost_patience() {
        let outcomes = [outcome("fmt", 1, Ok(())), outcome("lint", 1800, Err(Failure::check("a warning")))];
        let expected = "\n== summary\n\
            fmt            1.0 s\n\
            lint        1800.0 s  FAILED\n\
            total       1801.0 s\n\
            warning: this took more than 30 minutes\n";
        assert_eq!(report(&outcomes), expected);
        let Err(Failure::Check(text)) = verdict(outcomes.into()) else { panic!("a failed step fails ci") };
        assert_eq!(text, "ci failed\n  lint: a warning");
    }
}
