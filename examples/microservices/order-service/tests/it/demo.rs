//! The demo, which runs both services as processes and kills one of them.

use std::{env, path::PathBuf, process::Command};

use crate::place::Place;

/// Plays it with the programs that were built along with this test.
fn play(args: &[&str]) {
    let profile = PathBuf::from(env!("CARGO_BIN_EXE_order-service")).with_file_name("");
    for program in ["user-service", "xtask"] {
        let path = profile.join(program);
        assert!(path.exists(), "{} is not there: build it with `cargo build -p {program}`", path.display());
    }
    let output = Command::new(profile.join("xtask")).args(["demo", "microservices", "--built"]).args(args).output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for seen in ["201 {", "404 {", "503 retry-after: ", "[!]users warning", "is resumed", "53 orders, 53 mails."] {
        assert!(said.contains(seen), "`{seen}` was not seen:\n{said}");
    }
}

#[test]
fn plays_on_sqlite() {
    play(&[]);
}

#[tokio::test]
async fn plays_on_postgres_by_configuration_alone() {
    let Some(place) = Place::postgres() else { return };
    place.prepare().await;
    play(&["--postgres", &place.url()]);
    place.remove().await;
}
