//! Flags that two claim: a program's mistake, told before clap panics of it.

use clap::Arg;

use super::{
    Cli,
    flags::{Taken, longs, shorts},
};
use crate::{builtin::Builtin, error::Problem, keys::Key};

impl Cli {
    /// Finds the flags of keys, of the program's own arguments and built-in ones that are the same.
    pub(super) fn check(&self, taken: Taken<'_>) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        for key in &taken.keys.all {
            problems.extend(self.builtins().filter_map(|builtin| key_and_builtin(key, builtin)));
        }
        for arg in taken.own.get_arguments() {
            problems.extend(taken.keys.all.iter().filter_map(|key| key_and_own(key, arg)));
            problems.extend(self.builtins().filter_map(|builtin| builtin_and_own(builtin, arg)));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn key_and_builtin(key: &Key, builtin: Builtin) -> Option<Problem> {
    let long = (key.flag == builtin.flag()).then(|| format!("--{}", key.flag));
    let short = builtin.short().filter(|short| key.field.short == Some(*short)).map(|short| format!("-{short}"));
    let problem = Problem::new(&key.path, format!("has the flag `{}`, which is built in", long.or(short)?));
    Some(problem.hint(format!("rename it, or switch `Builtin::{builtin:?}` off")))
}

fn key_and_own(key: &Key, own: &Arg) -> Option<Problem> {
    let flag = shared(own, &key.flag, key.field.short)?;
    let message = format!("has the flag `{flag}`, which the program's own argument `{}` has, too", own.get_id());
    Some(Problem::new(&key.path, message).hint("rename one of them"))
}

fn builtin_and_own(builtin: Builtin, own: &Arg) -> Option<Problem> {
    let flag = shared(own, builtin.flag(), builtin.short())?;
    let message = format!("the program's own argument `{}` has the flag `{flag}`, which is built in", own.get_id());
    Some(Problem::new("", message).hint(format!("rename it, or switch `Builtin::{builtin:?}` off")))
}

/// Finds a flag of an argument's.
fn shared(own: &Arg, long: &str, short: Option<char>) -> Option<String> {
    let long = longs(own).find(|own| *own == long).map(|long| format!("--{long}"));
    long.or_else(|| shorts(own).find(|own| Some(*own) == short).map(|short| format!("-{short}")))
}
