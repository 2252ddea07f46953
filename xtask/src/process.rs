//! Running cargo and its companions.

use std::{
    io::{self, BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::failure::{Failure, Result};

/// The root of the repository: where every command runs.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a directory of the root")
}

/// Where cargo builds the workspace.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A cargo command at the root of the repository.
///
/// What `cargo run` told this process about its own package is taken out of the environment: build scripts that watch
/// those variables would run again, and their dependents be built again, each time xtask and a terminal take turns.
pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args).current_dir(root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    cargo
}

/// Whether `cargo <tool>` can be run.
pub(crate) fn has_cargo_tool(tool: &str) -> bool {
    succeeds(&mut cargo([tool, "--version"]))
}

/// Says that a command was skipped for lack of a tool; where `MISC_REQUIRE_TOOLS=1` says that none may lack, it fails.
pub(crate) fn skip_for_lack_of(command: &str, tool: &str) -> Result {
    if std::env::var_os("MISC_REQUIRE_TOOLS").is_some_and(|value| value == "1") {
        return Err(Failure::check(format!("`{command}` needs {tool}")));
    }
    println!("skipped: {command}: needs {tool}");
    Ok(())
}

/// Runs a command in silence, and says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

/// Runs a command in the open; its failure is ours.
pub(crate) fn run(command: &mut Command) -> Result {
    let line = command_line(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| Failure::met(&line, error))?;
    if status.success() { Ok(()) } else { Err(Failure::met(format!("`{line}`"), status)) }
}

/// Runs a command in the open and shows each line it prints to `observe`; says whether it succeeded.
pub(crate) fn run_observed(mut command: Command, mut observe: impl FnMut(&str)) -> Result<bool> {
    let line = command_line(&command);
    println!("$ {line}");
    let observed = || -> io::Result<bool> {
        let (reader, writer) = io::pipe()?;
        if io::stdout().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
        // The command owns our ends of the pipe: the reader would wait for them to close.
        drop(command);
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            println!("{line}");
            observe(&without_colours(&line));
        }
        Ok(child.wait()?.success())
    };
    observed().map_err(|error| Failure::met(&line, error))
}

/// What one would type to run the command.
fn command_line(command: &Command) -> String {
    let variables =
        command.get_envs().filter_map(|(name, value)| Some(format!("{}={:?}", name.to_string_lossy(), value?)));
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy().into_owned());
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

/// The line as a terminal without colours would show it.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or("", |(_, text)| text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_one_would_type() {
        let mut command = Command::new("cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").env_remove("HOME");
        assert_eq!(command_line(&command), r#"RUSTDOCFLAGS="-D warnings" cargo doc --no-deps"#);
    }

    #[test]
    fn reads_through_colours() {
        assert_eq!(without_colours("\u{1b}[32;1m Summary\u{1b}[0m [ 1s]"), " Summary [ 1s]");
    }
}
