//! What the compiler says to those who hold a service wrongly: it shows their line, and what a service looks like.
//!
//! `TRYBUILD=overwrite cargo test -p misc-core --test ui` writes the expected texts anew; read them as a user would.

#[test]
fn compile_errors_help() {
    // Another toolchain words them in its own way.
    if misc_test::toolchain(env!("CARGO_PKG_RUST_VERSION")) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    }
}
