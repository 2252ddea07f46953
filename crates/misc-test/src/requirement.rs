//! What a test needs besides Rust: a tool, a server.

use std::{
    env,
    fs::{Metadata, OpenOptions},
    io::Write as _,
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

/// The variable that names the file of skips.
const SKIPS: &str = "MISC_SKIPS";
/// How long a server on this machine may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);

/// What a test does not find on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// A program, or a version of it; required by `MISC_REQUIRE_TOOLS=1`.
    Tool,
    /// A database, a broker, a free port; required by `MISC_REQUIRE_SERVICES=1`.
    Server,
}

impl Missing {
    fn variable(self) -> &'static str {
        match self {
            Self::Tool => "MISC_REQUIRE_TOOLS",
            Self::Server => "MISC_REQUIRE_SERVICES",
        }
    }
}

/// Says that this test is skipped, and why; the test then returns.
///
/// Test runners have no word for a test that finds out only as it runs that it cannot, and hide what a passing one
/// prints. So a line `skipped: <crate>::<test>: <why>` is appended to the file that the variable `MISC_SKIPS` names, for
/// whoever counts (in this workspace `cargo xtask test`); without the variable it goes to standard error.
///
/// # Panics
/// Where nothing may be missing, such as in CI: `MISC_REQUIRE_TOOLS` or `MISC_REQUIRE_SERVICES`, whichever applies, is
/// set to anything but `0` or nothing. Also when the file cannot be written.
///
/// # Examples
/// ```
/// use misc_test::{Missing, skip};
///
/// // #[test]
/// fn is_served_on_its_usual_port() {
///     if std::net::TcpListener::bind("127.0.0.1:8080").is_err() {
///         return skip(Missing::Server, "port 8080 is in use");
///     }
///     // ..
/// }
/// # is_served_on_its_usual_port();
/// ```
#[track_caller]
pub fn skip(missing: Missing, why: &str) {
    let variable = missing.variable();
    let required = env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{why}, and {variable} does not let this test be skipped");
    report(&format!("skipped: {}::{}: {why}\n", crate_name(), test_name()));
}

/// Tells whether a program is there to be run; if not, the test is skipped.
///
/// # Panics
/// As [`skip`].
///
/// # Examples
/// ```
/// // #[test]
/// fn unit_is_valid() {
///     if !misc_test::tool("systemd-analyze") {
///         return;
///     }
///     // ..
/// }
/// # unit_is_valid();
/// ```
#[must_use = "the test returns when the tool is not there"]
#[track_caller]
pub fn tool(name: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    let names = [name.to_owned(), format!("{name}{}", env::consts::EXE_SUFFIX)];
    let found = env::split_paths(&paths).any(|dir| names.iter().any(|name| is_program(&dir.join(name))));
    if !found {
        skip(Missing::Tool, &format!("no `{name}` on the PATH"));
    }
    found
}

/// Tells whether the compiler is of a version such as `1.95`, whose words a test expects; if not, the test is skipped.
///
/// The patch version does not matter. A beta or a nightly is none of that version.
///
/// # Panics
/// As [`skip`]; and when `rustc` cannot be asked.
///
/// # Examples
/// ```
/// // #[test]
/// fn compile_errors_help() {
///     if misc_test::toolchain(env!("CARGO_PKG_RUST_VERSION")) {
///         // trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
///     }
/// }
/// # compile_errors_help();
/// ```
#[must_use = "the test returns when the compiler is another one"]
#[track_caller]
pub fn toolchain(version: &str) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-V").output().expect("rustc, which has built this test");
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said.split_whitespace().nth(1).unwrap_or_default();
    let is_it = is_of_minor(found, version);
    if !is_it {
        skip(Missing::Tool, &format!("it wants Rust {version}, this is {found}"));
    }
    is_it
}

fn is_of_minor(version: &str, wanted: &str) -> bool {
    version.split('.').take(2).eq(wanted.split('.').take(2)) && !version.contains('-')
}

/// Returns where a server is; if there is none, the test is skipped.
///
/// That is the value of the variable, if it is set to anything; else `default`, a `host:port` or a URL with one, if
/// somebody accepts connections there.
///
/// # Panics
/// As [`skip`]; and when `default` has no port.
///
/// # Examples
/// ```
/// // #[tokio::test]
/// async fn rows_survive_a_restart() {
///     let Some(url) = misc_test::server("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/test") else {
///         return;
///     };
///     // ..
/// # let _ = url;
/// }
/// ```
#[must_use = "the test returns when there is no server"]
#[track_caller]
pub fn server(variable: &str, default: &str) -> Option<String> {
    if let Some(value) = env::var(variable).ok().filter(|value| !value.is_empty()) {
        return Some(value);
    }
    let address = host_and_port(default);
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    assert!(has_port, "`{default}` has no port to look for a server at: write `host:port`, or a URL with one");
    if accepts(address) {
        return Some(default.to_owned());
    }
    skip(Missing::Server, &format!("nobody listens on {address}, and {variable} is not set"));
    None
}

#[expect(clippy::print_stderr, reason = "a skip without a file to count it in is told to whoever looks on")]
fn report(line: &str) {
    let Some(path) = env::var_os(SKIPS) else {
        eprint!("{line}");
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    // One call, so that lines of other tests do not mix with it.
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("cannot write to {}, which {SKIPS} names: {error}", path.display()));
}

/// Returns the crate whose test this is: test runners say so, as cargo does.
fn crate_name() -> String {
    env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "unknown".to_owned())
}

/// Returns the name of the thread, which is that of its test.
fn test_name() -> String {
    thread::current().name().unwrap_or("unknown").to_owned()
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && may_be_run(&file))
}

#[cfg(unix)]
fn may_be_run(file: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    file.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_be_run(_: &Metadata) -> bool {
    true
}

/// Finds `host:port` in a URL.
fn host_and_port(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn accepts(address: &str) -> bool {
    let accepts = |address: SocketAddr| TcpStream::connect_timeout(&address, CONNECT_WITHIN).is_ok();
    address.to_socket_addrs().is_ok_and(|mut all| all.any(accepts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_told_by_its_minor() {
        for (version, expected) in [("1.95.0", true), ("1.95.7", true), ("1.9.5", false), ("1.96.0-nightly", false)] {
            assert_eq!(is_of_minor(version, "1.95"), expected, "{version}");
        }
    }
}
