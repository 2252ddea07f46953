//! `cargo xtask vectors`: due times of the scheduler's calendar against those of Python's cronsim, by chance.
//!
//! Those in the repository are tested all the time; this makes others, or makes those anew when `make.py` has changed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    args::Args,
    failure::{Failure, Result},
    process::{cargo, root, run as run_command, skip_for_lack_of, succeeds, target_dir},
    random::Random,
};

const DIR: &str = "crates/misc-scheduler/tests/vectors";
/// How many there are when nothing else is said.
const COUNT: u64 = 10_000;
/// The seed and the number of those in the repository.
const KEPT: (u64, u64) = (1, 2_500);

pub(crate) fn run(mut args: Args) -> Result {
    let (seed, count) = (args.number("--seed")?, args.number("--count")?);
    let keep = args.flag("--write");
    args.finish()?;
    if !has_cronsim() {
        let cure = format!("Python with cronsim: `pip install -r {DIR}/requirements.txt` (`PYTHON` names another one)");
        return skip_for_lack_of("vectors", &cure);
    }
    if keep {
        return make(KEPT.0, KEPT.1, &root().join(DIR).join("vectors.txt"));
    }
    let (seed, count) = (seed.unwrap_or_else(Random::seed), count.unwrap_or(COUNT));
    let file = target_dir().join("vectors.txt");
    make(seed, count, &file)?;
    compare(&file)?;
    println!("vectors seed={seed} count={count} differences=0");
    Ok(())
}

fn has_cronsim() -> bool {
    succeeds(python().args(["-c", "import cronsim, tzdata"]))
}

fn make(seed: u64, count: u64, path: &Path) -> Result {
    let file = File::create(path).map_err(|error| Failure::met(path.display(), error))?;
    let script = root().join(DIR).join("make.py");
    let options = [format!("--seed={seed}"), format!("--count={count}")];
    run_command(python().arg(script).args(options).stdout(file))
}

/// Runs the test that reads them, which names each difference.
fn compare(file: &PathBuf) -> Result {
    let mut command = cargo(["test", "--quiet", "--package", "misc-scheduler", "--lib", "vectors"]);
    run_command(command.env("MISC_VECTORS", file).env("RUST_BACKTRACE", "0"))
}

fn python() -> Command {
    Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()))
}
