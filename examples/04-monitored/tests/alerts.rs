//! The alerts of docs/alerts.yaml, as Prometheus understands them.

use std::{path::Path, process::Command};

/// Runs `promtool` in `docs/`, if there is one.
fn promtool(args: &[&str]) {
    if !misc_test::tool("promtool") {
        return;
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let output = Command::new("promtool").args(args).current_dir(docs).output().expect("promtool starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_rules_are_valid() {
    promtool(&["check", "rules", "alerts.yaml"]);
}

#[test]
fn each_rule_fires_when_it_should_and_not_before() {
    promtool(&["test", "rules", "alerts_test.yaml"]);
}
