//! The command line: a flag for each key, the built-in ones, and the program's own.

mod clash;
mod flags;
mod help;

use std::{ffi::OsString, fmt, path::PathBuf};

use clap::{ArgMatches, Command};

use self::flags::{Spelling, Taken};
use crate::{
    builtin::Builtin,
    error::{Error, Problem},
    keys::{Key, Keys},
    tree::Table,
};

/// Adds the program's own arguments and subcommands, as `Args::augment_args` of clap does.
pub(crate) type Augment = dyn Fn(Command) -> Command + Send + Sync;

/// How wide the help may be: longer lines are hard to read.
const WIDEST: usize = 100;

/// What a command line may say, beside the keys.
#[derive(Default)]
pub(crate) struct Cli {
    pub(crate) name: String,
    /// What the program was called as, if that is known.
    pub(crate) program: Option<String>,
    /// How wide the help is, if not as the terminal.
    pub(crate) width: Option<usize>,
    pub(crate) version: String,
    pub(crate) about: String,
    /// The built-in flags that are switched off.
    pub(crate) off: Vec<Builtin>,
    pub(crate) user: Option<Box<Augment>>,
}

/// What a command line says.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    /// The keys that were typed, and no others; the origin of each is its flag.
    pub(crate) table: Table,
    /// What is wrong with values, as far as it is seen without the types.
    pub(crate) problems: Vec<Problem>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) profile: Option<String>,
    /// The built-in flag that prints something, and ends the program.
    pub(crate) builtin: Option<Builtin>,
    pub(crate) matches: ArgMatches,
}

impl Cli {
    pub(crate) fn new(name: &str, version: &str, about: &str) -> Self {
        let [name, version, about] = [name, version, about].map(str::to_owned);
        Self { name, version, about, ..Self::default() }
    }

    /// Makes the command with all flags and their help, for completions and manuals; the keys have no clashes among them.
    pub(crate) fn command(&self, keys: &Keys) -> Result<Command, Vec<Problem>> {
        let own = self.own();
        let taken = Taken { keys, own: &own };
        self.check(taken)?;
        Ok(self.documented(taken))
    }

    /// Reads what was typed, without the name of the program in front; the keys have no clashes among them.
    pub(crate) fn parse(&self, keys: &Keys, args: impl IntoIterator<Item = OsString>) -> Result<Typed, Error> {
        let own = self.own();
        let taken = Taken { keys, own: &own };
        self.check(taken).map_err(Error::invalid)?;
        let args: Vec<OsString> = args.into_iter().collect();
        if args.is_empty() && self.user.is_none() {
            return Ok(Typed::default());
        }
        let spellings: Vec<_> = args.iter().filter_map(|arg| Spelling::of(arg)).collect();
        let ends = self
            .builtins()
            .any(|builtin| builtin.ends() && spellings.iter().any(|spelling| spelling.names(builtin.flag())));
        let typed = match ends.then(|| self.typed(taken, &args, &spellings, asking_nothing)) {
            // What ends the program needs none of what a run of it needs.
            Some(Ok(typed)) if typed.builtin.is_some() => Ok(typed),
            Some(Err(error)) if error.use_stderr() => Err(error),
            _ => self.typed(taken, &args, &spellings, |command| command),
        };
        typed.map_err(|error| refused(&error))
    }

    /// Reads what was typed with a command that may be changed a little.
    fn typed(
        &self,
        taken: Taken<'_>,
        args: &[OsString],
        spellings: &[Spelling<'_>],
        changed: fn(Command) -> Command,
    ) -> Result<Typed, clap::Error> {
        // Flags are slow to make, so that only those are made that were typed. What they do not explain, such as a slip
        // or `--help`, is left to all of them.
        let keys = &taken.keys.all;
        let few: Vec<_> = keys.iter().filter(|key| flags::may_be_typed(key, spellings)).collect();
        if let Ok(matches) = changed(self.brief(taken, &few, spellings)).try_get_matches_from(args) {
            return Ok(Typed::new(few, spellings, matches));
        }
        let matches = changed(self.documented(taken)).try_get_matches_from(args)?;
        Ok(Typed::new(keys, spellings, matches))
    }

    /// Makes a command with nothing but the program's own arguments.
    fn own(&self) -> Command {
        let command = self.empty();
        if let Some(augment) = &self.user { augment(command) } else { command }
    }

    fn empty(&self) -> Command {
        let command = Command::new(self.program().to_owned()).max_term_width(WIDEST);
        if let Some(width) = self.width { command.term_width(width) } else { command }
    }

    fn program(&self) -> &str {
        self.program.as_deref().unwrap_or(&self.name)
    }

    /// Returns whether a built-in flag is there.
    fn has(&self, builtin: Builtin) -> bool {
        !self.off.contains(&builtin) && (builtin != Builtin::Version || !self.version.is_empty())
    }

    /// Makes a command that reads, and has no help.
    fn brief(&self, taken: Taken<'_>, typed: &[&Key], spellings: &[Spelling<'_>]) -> Command {
        let command = self.empty().args(typed.iter().flat_map(|key| flags::of_key(key, taken)));
        let is_typed = |builtin: &Builtin| spellings.iter().any(|spelling| spelling.names(builtin.flag()));
        let builtins = self.builtins().filter(is_typed).filter_map(|builtin| flags::of_builtin(builtin, taken));
        self.augmented(command).args(builtins)
    }

    fn documented(&self, taken: Taken<'_>) -> Command {
        let documented = |key| flags::of_key(key, taken).map(move |arg| help::of_key(arg, key, taken));
        let keys: Vec<_> = taken.keys.all.iter().flat_map(documented).collect();
        let builtins =
            self.builtins().filter_map(|builtin| Some(help::of_builtin(flags::of_builtin(builtin, taken)?, builtin)));
        let builtins: Vec<_> = builtins.collect();
        let command = self.augmented(self.empty().args(&keys)).args(&builtins);
        let command = help::of_subcommands(command, &[keys, builtins].concat(), self.program());
        if self.about.is_empty() { command } else { help::of_program(command, &self.about) }
    }

    fn builtins(&self) -> impl Iterator<Item = Builtin> {
        Builtin::ALL.into_iter().filter(|builtin| self.has(*builtin))
    }

    /// Adds what is the program's own, and puts right what that may have changed.
    fn augmented(&self, command: Command) -> Command {
        let command = match &self.user {
            Some(augment) => augment(command).name(self.program().to_owned()),
            None => command,
        };
        let command = command.bin_name(self.program());
        let command = match self.has(Builtin::Version) {
            true => command.version(self.version.clone()),
            false => command.disable_version_flag(true),
        };
        let helpless = !self.has(Builtin::Help);
        command.no_binary_name(true).disable_help_flag(helpless).disable_help_subcommand(helpless)
    }
}

impl fmt::Debug for Cli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cli").field("name", &self.name).field("off", &self.off).finish_non_exhaustive()
    }
}

impl Typed {
    fn new<'a>(keys: impl IntoIterator<Item = &'a Key>, spellings: &[Spelling<'_>], mut matches: ArgMatches) -> Self {
        let mut typed = Self::default();
        for key in keys {
            flags::read(key, spellings, &matches, &mut typed);
        }
        typed.files = take(&mut matches, Builtin::Config);
        typed.profile = take(&mut matches, Builtin::Profile).pop();
        typed.builtin =
            Builtin::ALL.into_iter().find(|builtin| builtin.ends() && flags::is_on(&matches, builtin.flag()));
        Self { matches, ..typed }
    }
}

/// Takes from the program's own arguments and subcommands that they must be there.
fn asking_nothing(command: Command) -> Command {
    let groups: Vec<_> = command.get_groups().map(|group| group.get_id().clone()).collect();
    let command = groups.into_iter().fold(command, |command, id| command.mut_group(id, |group| group.required(false)));
    let command = command.subcommand_required(false).arg_required_else_help(false);
    command.mut_args(|arg| arg.required(false)).mut_subcommands(asking_nothing)
}

fn take<T: Clone + Send + Sync + 'static>(matches: &mut ArgMatches, builtin: Builtin) -> Vec<T> {
    matches.try_remove_many(&flags::id(builtin.flag())).ok().flatten().into_iter().flatten().collect()
}

/// Says what clap has to say, such as the help.
fn refused(error: &clap::Error) -> Error {
    let code = if error.use_stderr() { 2 } else { 0 };
    // Clap indents empty lines, too.
    let text = error.render().to_string();
    let lines: Vec<_> = text.trim_end().lines().map(str::trim_end).collect();
    Error::instead(code, lines.join("\n"))
}

#[cfg(test)]
mod tests;
