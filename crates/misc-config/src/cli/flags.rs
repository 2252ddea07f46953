//! Flags: how they look to clap, and what was typed.

use std::{ffi::OsStr, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use misc_core::schema::Kind;

use crate::{
    builtin::Builtin,
    cli::Typed,
    error::Problem,
    keys::{Key, Keys, bare, flag},
    text::from_text,
    tree::{Value, ValueKind, insert, value},
};

/// A flag as it was typed.
#[derive(Debug)]
pub(super) struct Spelling<'a> {
    typed: &'a str,
    /// The usual spelling, without the dashes in front.
    usual: String,
}

impl<'a> Spelling<'a> {
    /// Takes an argument that may be a long flag, without its value.
    pub(super) fn of(arg: &'a OsStr) -> Option<Self> {
        let arg = arg.to_str()?;
        let typed = arg.split_once('=').map_or(arg, |(flag, _)| flag);
        let usual = flag(typed.strip_prefix("--")?);
        Some(Self { typed, usual })
    }

    /// Returns whether it is a way to write a flag.
    pub(super) fn names(&self, flag: &str) -> bool {
        self.usual == flag
    }

    /// Returns whether it is a way to write the flag of a key, or one of its others.
    fn is_of(&self, key: &Key) -> bool {
        self.names(&key.flag) || key.others.flags.contains(&self.usual)
    }

    fn denies(&self, key: &Key) -> bool {
        let denied = self.usual.strip_prefix("no-");
        denied.is_some_and(|flag| flag == key.flag || key.others.flags.iter().any(|other| flag == other))
    }
}

/// Returns whether one may have typed a key; a short flag may hide among others.
pub(super) fn may_be_typed(key: &Key, spellings: &[Spelling<'_>]) -> bool {
    key.field.short.is_some() || spellings.iter().any(|spelling| spelling.is_of(key) || spelling.denies(key))
}

/// The names that are in use.
#[derive(Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) keys: &'a Keys,
    /// A command with nothing but the program's own arguments.
    pub(super) own: &'a Command,
}

impl Taken<'_> {
    fn is_free(self, flag: &str) -> bool {
        let own = self.own.get_arguments().flat_map(longs).any(|own| own == flag);
        let built_in = Builtin::ALL.iter().any(|builtin| builtin.flag() == flag);
        !own && !built_in && !self.keys.all.iter().any(|key| key.flag == flag)
    }

    /// Names the flag that switches a key off.
    pub(super) fn off(self, key: &Key) -> Option<String> {
        Some(denial(&key.flag)).filter(|denial| matches!(key.kind, Kind::Bool) && self.is_free(denial))
    }

    /// Lets flags that belong together follow a subcommand, too, unless one has some of them for itself.
    fn everywhere(self, args: Vec<Arg>) -> impl Iterator<Item = Arg> {
        let global = !args.iter().any(|arg| is_claimed(self.own, arg));
        args.into_iter().map(move |arg| arg.global(global))
    }
}

/// Returns whether a subcommand has an argument with a flag of this one.
fn is_claimed(command: &Command, arg: &Arg) -> bool {
    let shares = |own: &Arg| {
        longs(own).any(|long| longs(arg).any(|other| other == long))
            || shorts(own).any(|short| shorts(arg).any(|other| other == short))
    };
    command.get_subcommands().any(|command| command.get_arguments().any(shares) || is_claimed(command, arg))
}

/// Returns all long flags of an argument.
pub(super) fn longs(arg: &Arg) -> impl Iterator<Item = &str> {
    arg.get_long().into_iter().chain(arg.get_all_aliases().into_iter().flatten())
}

/// Returns all short flags of an argument.
pub(super) fn shorts(arg: &Arg) -> impl Iterator<Item = char> {
    arg.get_short().into_iter().chain(arg.get_all_short_aliases().into_iter().flatten())
}

/// Makes the flag of a key; that of a switch comes with a hidden one to switch it off.
pub(super) fn of_key<'a>(key: &Key, taken: Taken<'a>) -> impl Iterator<Item = Arg> + use<'a> {
    let mut names = vec![key.flag.clone(), key.path.replace('_', "-"), key.path.clone()];
    names.dedup();
    names.extend(key.others.flags.iter().cloned());
    let denials = names.iter().map(|name| denial(name));
    let denials: Vec<_> = denials.filter(|denial| matches!(key.kind, Kind::Bool) && taken.is_free(denial)).collect();
    let aliases = names.into_iter().filter(|name| taken.is_free(name));
    let arg = Arg::new(id(&key.flag)).long(key.flag.clone()).aliases(aliases).value_name(value_name(&key.kind));
    let arg = if let Some(short) = key.field.short { arg.short(short) } else { arg };
    let arg = match key.kind {
        Kind::Bool => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        // Several negative numbers are none to clap.
        Kind::List(inner) if matches!(bare(inner).kind, Kind::Integer { .. } | Kind::Float) => {
            arg.action(ArgAction::Append).allow_hyphen_values(true)
        }
        Kind::List(_) => arg.action(ArgAction::Append).allow_negative_numbers(true),
        Kind::Integer { .. } | Kind::Float => arg.allow_negative_numbers(true),
        _ => arg,
    };
    let denied = denials.split_first().map(|(first, others)| {
        let arg = Arg::new(id(&denial(&key.flag))).long(first.clone()).aliases(others.iter().cloned());
        arg.action(ArgAction::SetTrue).hide(true).overrides_with(id(&key.flag))
    });
    taken.everywhere(std::iter::once(arg).chain(denied).collect())
}

/// Makes a built-in flag, but for those that clap has.
pub(super) fn of_builtin(builtin: Builtin, taken: Taken<'_>) -> Option<Arg> {
    let arg = Arg::new(id(builtin.flag())).long(builtin.flag());
    let arg = match builtin {
        Builtin::Help | Builtin::Version => None,
        Builtin::Config => Some(arg.value_name("FILE").value_parser(value_parser!(PathBuf)).action(ArgAction::Append)),
        Builtin::Profile => Some(arg.value_name("NAME")),
        // One of a group excludes the others.
        _ => Some(arg.action(ArgAction::SetTrue).group("--")),
    };
    taken.everywhere(arg.into_iter().collect()).next()
}

/// Names the argument to clap, as no argument of a program's own is named.
pub(super) fn id(flag: &str) -> String {
    format!("--{flag}")
}

fn denial(flag: &str) -> String {
    format!("no-{flag}")
}

fn value_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "BOOLEAN",
        Kind::Integer { .. } => "INTEGER",
        Kind::Float => "NUMBER",
        Kind::Text => "TEXT",
        Kind::Duration => "DURATION",
        Kind::Bytes(_) => "SIZE",
        Kind::Enum(_) => "NAME",
        Kind::Map(_) | Kind::Struct(_) | Kind::Tagged { .. } => "JSON",
        Kind::List(inner) => match bare(inner).kind {
            Kind::List(_) | Kind::Map(_) | Kind::Struct(_) | Kind::Tagged { .. } | Kind::Any => "JSON",
            Kind::Integer { .. } => "INTEGER,..",
            _ => "TEXT,..",
        },
        _ => "VALUE",
    }
}

/// Takes what was typed for a key.
pub(super) fn read(key: &Key, spellings: &[Spelling<'_>], matches: &ArgMatches, typed: &mut Typed) {
    if matches!(key.kind, Kind::Bool) && is_denied(key, spellings, matches) {
        let denied = spellings.iter().find(|spelling| spelling.denies(key));
        return insert(&mut typed.table, &key.parts, value(&origin(key, denied), "false"));
    }
    let Ok(Some(texts)) = matches.try_get_many::<String>(&id(&key.flag)) else { return };
    let origin = origin(key, spellings.iter().find(|spelling| spelling.is_of(key)));
    let values: Result<Vec<_>, _> = texts.map(|text| from_text(text, &key.kind, &origin)).collect();
    match values {
        Ok(values) => insert(&mut typed.table, &key.parts, value(&origin, joined(values))),
        Err(message) => typed.problems.push(Problem::new(&key.path, message).at(origin)),
    }
}

/// Returns whether a switch was switched off, at last: before and after a subcommand, clap takes both.
fn is_denied(key: &Key, spellings: &[Spelling<'_>], matches: &ArgMatches) -> bool {
    let last = spellings.iter().rfind(|spelling| spelling.is_of(key) || spelling.denies(key));
    let also_on = matches.try_contains_id(&id(&key.flag)).is_ok_and(|on| on);
    is_on(matches, &denial(&key.flag)) && (!also_on || last.is_none_or(|last| last.denies(key)))
}

/// Puts lists together; of anything else there is only one.
fn joined(values: Vec<Value>) -> ValueKind {
    let all = values.into_iter().map(|value| value.kind).reduce(|before, next| match (before, next) {
        (ValueKind::Array(mut all), ValueKind::Array(more)) => {
            all.extend(more);
            ValueKind::Array(all)
        }
        (_, last) => last,
    });
    all.unwrap_or_default()
}

/// Returns the flag of a key as it was typed.
fn origin(key: &Key, long: Option<&Spelling<'_>>) -> String {
    match (long, key.field.short) {
        (Some(long), _) => long.typed.to_owned(),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => id(&key.flag),
    }
}

/// Returns whether a flag without a value was typed.
pub(super) fn is_on(matches: &ArgMatches, flag: &str) -> bool {
    matches.try_get_one(&id(flag)).is_ok_and(|on| on == Some(&true))
}
