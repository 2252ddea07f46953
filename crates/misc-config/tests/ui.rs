//! What the compiler says to those who hold `#[derive(Config)]` wrongly, and what it takes from those who do not.
//!
//! `TRYBUILD=overwrite cargo test -p misc-config --test ui` writes the expected texts anew; read them as a user would.

#[test]
fn compile_errors_help_and_right_uses_run() {
    // In one go, so that what they depend on is built once.
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    // Another toolchain words errors in its own way.
    if misc_test::toolchain(env!("CARGO_PKG_RUST_VERSION")) {
        cases.compile_fail("tests/ui/fail/*.rs");
    }
}
