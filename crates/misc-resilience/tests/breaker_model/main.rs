//! The breaker beside a model that was written from its documentation, for a million random outcomes.
//!
//! The model keeps every outcome in a list and counts anew each time; the breaker keeps sums. Both get the same settings,
//! calls, orders and times, and must agree on states, permits, rates and changes. What the documentation leaves to chance
//! (jitter, and which calls pass while it recovers) the model takes over from the breaker, within the bounds that the
//! documentation gives.

mod driver;
mod generate;
mod model;

use driver::Driver;
use fastrand::Rng;
use model::Wrong;

/// How many outcomes each breaker gets.
const EACH: u64 = 2_000;

/// Plays random settings until there were as many outcomes; returns what the breaker and the model do not agree on.
async fn divergence(outcomes: u64, wrong: Option<Wrong>) -> Option<String> {
    let seed = std::env::var("MISC_MODEL_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    let mut random = Rng::with_seed(seed);
    let (mut done, mut luck) = (0, driver::Luck::default());
    while done < outcomes {
        let seed = random.u64(..);
        let mut driver = Driver::new(seed, wrong);
        let result = driver.run(EACH, &mut luck).await;
        done += driver.outcomes();
        if let Err(difference) = result {
            return Some(format!("seed {seed} of {:?}: {difference}", driver.config()));
        }
    }
    luck.verdict().err()
}

#[tokio::test(start_paused = true)]
async fn a_million_random_outcomes_do_not_tell_it_from_the_model() {
    assert_eq!(divergence(1_000_000, None).await, None);
}

#[tokio::test(start_paused = true)]
async fn each_wrong_rule_is_noticed() {
    for wrong in Wrong::ALL {
        let divergence = divergence(60_000, Some(wrong)).await;
        assert!(divergence.is_some(), "60,000 outcomes do not show that {wrong:?} is wrong");
    }
}
