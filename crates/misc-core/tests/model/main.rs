//! The supervisor against its model: random scenarios, played by both, must look the same.
//!
//! `cargo test -p misc-core --test model` plays 2,000. Before it, `MISC_MODEL_CASES=100000` plays as many as it says (with
//! `--release` in under a minute), and `MISC_MODEL_SEED=1` (up to 255) others. A failure is shrunk and printed as the code
//! that builds it: paste that into a test of `regression.rs`.

mod driver;
mod generate;
mod model;
mod regression;
mod scenario;
mod trace;

use std::cell::Cell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::model::Wrong;
use crate::scenario::Scenario;

#[test]
fn the_app_and_the_model_agree() {
    let cases = std::env::var("MISC_MODEL_CASES").map_or(2_000, |cases| cases.parse().expect("a number of cases"));
    let (compared, skipped) = (Cell::new(0), Cell::new(0));
    let result = runner(cases, 5_000).run(&generate::scenario(), |scenario| {
        let count = match divergence(&scenario, None) {
            Seen::Agreement => &compared,
            Seen::Undecided => &skipped,
            Seen::Divergence(text) => return Err(TestCaseError::fail(text)),
        };
        count.set(count.get() + 1);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(skipped.get() * 5 < compared.get(), "{} skipped, {} compared", skipped.get(), compared.get());
}

#[test]
fn each_wrong_rule_is_noticed() {
    for wrong in Wrong::ALL {
        let result = runner(500, 0).run(&generate::scenario(), |scenario| match divergence(&scenario, Some(wrong)) {
            Seen::Divergence(text) => Err(TestCaseError::fail(text)),
            Seen::Agreement | Seen::Undecided => Ok(()),
        });
        assert!(result.is_err(), "500 scenarios do not show that {wrong:?} is wrong");
    }
}

enum Seen {
    Agreement,
    Divergence(String),
    /// The rules do not say, or two events of one instant raced.
    Undecided,
}

fn divergence(scenario: &Scenario, wrong: Option<Wrong>) -> Seen {
    let verdict = model::run(scenario, wrong);
    if verdict.racy || !verdict.open.is_empty() {
        return Seen::Undecided;
    }
    let real = driver::run(scenario);
    if let Some(step) = real.out_of_order() {
        return Seen::Divergence(format!("{step} of {} was observed too late", step.path));
    }
    match real.difference(&verdict.trace) {
        Some(text) => Seen::Divergence(format!("\n{text}")),
        None => Seen::Agreement,
    }
}

/// Random, but the same in every run; a failure is printed, never kept in a file.
fn runner(cases: u32, max_shrink_iters: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_iters, ..Config::default() };
    let seed = std::env::var("MISC_MODEL_SEED").map_or(0, |seed| seed.parse().expect("a seed up to 255"));
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}
