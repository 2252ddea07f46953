//! What the compiler says to those who hold `#[service]` wrongly, and what it takes from those who do not.
//!
//! `TRYBUILD=overwrite cargo test -p misc-scheduler --test ui` writes the expected texts anew; read them as a user would.

use std::process::Command;

use misc_test::{Missing, skip};

/// The toolchain whose texts are expected: another one words them in its own way.
const PINNED: &str = env!("CARGO_PKG_RUST_VERSION");

#[test]
fn right_uses_compile_and_run() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn compile_errors_help() {
    let version = rustc_version();
    if is_pinned(&version) {
        trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
    } else {
        skip(Missing::Tool, &format!("the texts are those of Rust {PINNED}, this is {version}"));
    }
}

#[test]
fn pinned_toolchain_is_told_by_its_minor() {
    for (version, pinned) in [("1.95.0", true), ("1.95.7", true), ("1.9.5", false), ("1.96.0-nightly", false)] {
        assert_eq!(is_of_minor(version, "1.95"), pinned, "{version}");
    }
}

fn is_pinned(version: &str) -> bool {
    is_of_minor(version, PINNED)
}

fn is_of_minor(version: &str, pinned: &str) -> bool {
    version.split('.').take(2).eq(pinned.split('.').take(2)) && !version.contains('-')
}

/// Returns the version that `rustc -V` prints between its name and its date.
fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-V").output().expect("rustc, which has built this test");
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_whitespace().nth(1).expect("`rustc <version> ..`").to_owned()
}
