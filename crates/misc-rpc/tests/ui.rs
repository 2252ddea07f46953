//! What the compiler says to those who hold `#[rpc]` wrongly, and what it takes from those who do not.
//!
//! `TRYBUILD=overwrite cargo test -p misc-rpc --test ui` writes the expected texts anew; read them as a user would.

#[test]
fn right_uses_compile_and_run() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn compile_errors_help() {
    // Another toolchain words them in its own way.
    if misc_test::toolchain(env!("CARGO_PKG_RUST_VERSION")) {
        trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
    }
}
