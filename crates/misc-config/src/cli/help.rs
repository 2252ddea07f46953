//! What the help says of flags.

use clap::{Arg, Command};
use misc_core::schema::{Kind, Variant};

use super::flags::Taken;
use crate::{
    builtin::Builtin,
    docs::{plain, summary},
    fallback,
    keys::Key,
    show::{brief, masked},
    tree::{Value, ValueKind},
};

/// Adds what is known of a key.
pub(super) fn of_key(arg: Arg, key: &Key, taken: Taken<'_>) -> Arg {
    if arg.is_hide_set() {
        return arg;
    }
    let (docs, values, facts) = (key.field.docs, values(&key.kind), facts(key, taken));
    let short = joined([summary(docs), facts.join(" "), values.clone()], " ");
    let long = match meanings(&key.kind) {
        None => joined([plain(docs).into_owned(), joined([facts.join("\n"), values], "\n")], "\n\n"),
        Some(meanings) => joined([plain(docs).into_owned(), meanings, facts.join("\n")], "\n\n"),
    };
    let arg = arg.help(short).long_help(long);
    if let Some(heading) = heading(key) { arg.help_heading(heading) } else { arg }
}

/// Adds what a built-in flag is for.
pub(super) fn of_builtin(arg: Arg, builtin: Builtin) -> Arg {
    arg.help(builtin.help()).help_heading("Configuration")
}

/// Adds what the program is for.
pub(super) fn of_program(command: Command, docs: &str) -> Command {
    command.about(summary(docs)).long_about(plain(docs).into_owned())
}

/// Lets the help of subcommands show what is their own: the settings are in that of the program.
pub(super) fn of_subcommands(command: Command, settings: &[Arg], program: &str) -> Command {
    let everywhere = settings.iter().filter(|arg| arg.is_global_set());
    let hidden: Vec<_> = everywhere.map(|arg| arg.clone().hide(true)).collect();
    let note = format!("Settings may be given here, too: `{program} --help` lists them.");
    hide(command, &hidden, &note)
}

fn hide(command: Command, hidden: &[Arg], note: &str) -> Command {
    command.mut_subcommands(|command| {
        let noted = command.get_after_help().is_some();
        let command = hide(command.args(hidden), hidden, note);
        if noted { command } else { command.after_help(note.to_owned()) }
    })
}

/// Lists what is known of a key beside its documentation.
fn facts(key: &Key, taken: Taken<'_>) -> Vec<String> {
    let mut facts = Vec::new();
    if key.secret {
        let file = taken.keys.file_variable(key).map(|file| format!(": prefer {file}")).unwrap_or_default();
        facts.push(format!("(others on this machine can see it{file})"));
    } else if let Some(default) = fallback::of_key(key) {
        let default = as_typed(&masked(&default, key.field.kind));
        facts.push(format!("[default: {default}]"));
        facts.extend(taken.off(key).filter(|_| default == "true").map(|off| format!("[off: --{off}]")));
    }
    facts.push(format!("[env: {}]", key.variable));
    facts
}

/// Writes a default as it would be typed: lists without brackets.
fn as_typed(default: &Value) -> String {
    match &default.kind {
        ValueKind::Array(items) if items.iter().all(|item| matches!(item.kind, ValueKind::String(_))) => {
            items.iter().map(brief).collect::<Vec<_>>().join(",")
        }
        _ => brief(default),
    }
}

/// Lists the values of an enum.
fn values(kind: &Kind) -> String {
    let Kind::Enum(variants) = kind else { return String::new() };
    let names: Vec<_> = variants.iter().map(|variant| variant.name).collect();
    format!("[possible values: {}]", names.join(", "))
}

/// Lists the values of an enum, and what they stand for, if anything says so.
fn meanings(kind: &Kind) -> Option<String> {
    let Kind::Enum(variants) = kind else { return None };
    let meaning = |Variant { name, docs, .. }: &Variant| joined([format!("- {name}"), summary(docs)], ": ");
    let lines = std::iter::once("Possible values:".to_owned()).chain(variants.iter().map(meaning));
    variants.iter().any(|variant| !variant.docs.is_empty()).then(|| joined(lines, "\n"))
}

/// Names the section of a key: by what it is for, else by its path.
fn heading(key: &Key) -> Option<String> {
    let (_, above) = key.parts.split_last()?;
    match (above, summary(key.section)) {
        ([], _) => None,
        (above, docs) if docs.is_empty() => Some(above.join(".")),
        (_, docs) => Some(docs),
    }
}

/// Joins what is not empty.
fn joined(parts: impl IntoIterator<Item = String>, with: &str) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(with)
}
