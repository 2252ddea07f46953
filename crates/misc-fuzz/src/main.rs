//! Runs one target: under libFuzzer when `cargo xtask fuzz` builds it, else on the files that it is given.
//!
//! `misc-fuzz <TARGET> <FILE>..` ends with the panic of the first file that breaks a promise. Under libFuzzer, whose
//! command line is its own, the target is the value of `MISC_FUZZ_TARGET`.

#![cfg_attr(fuzzing, no_main)]

use misc_fuzz::{TARGETS, Target};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static TARGET: std::sync::LazyLock<Target> = std::sync::LazyLock::new(|| {
        let name = std::env::var("MISC_FUZZ_TARGET").expect("`MISC_FUZZ_TARGET` names a target");
        target(&name).expect("`MISC_FUZZ_TARGET` names a target")
    });
    (TARGET.run)(bytes);
});

#[cfg(not(fuzzing))]
#[expect(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: misc-fuzz <TARGET> <FILE>..")?;
    let target = target(&name).ok_or_else(|| format!("there is no target `{name}`"))?;
    for file in arguments {
        let bytes = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
        println!("{name} on {file}");
        (target.run)(&bytes);
    }
    Ok(())
}

fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
