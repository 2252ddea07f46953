//! The settings of a policy.

use std::time::Duration;

use misc_core::schema;
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

use crate::{
    breaker::BreakerConfig, budget::BudgetConfig, bulkhead::BulkheadConfig, refused::Refused, retry::RetryConfig,
};

/// The settings of a [`Policy`](crate::Policy): what is set to nothing (`null`) is left out, and what is not set has its
/// default.
///
/// # Examples
/// ```
/// use misc_resilience::{Policy, PolicyConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: PolicyConfig = serde_json::from_str(
///     r#"{ "deadline": "5s", "retry": { "attempts": 5 }, "bulkhead": null }"#
/// )?;
/// let users = Policy::with_config("users", config)?;
/// # drop(users);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyConfig {
    /// How long a call may take in all, with waiting, pauses and attempts (30 s).
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub deadline: Option<Duration>,
    /// How many calls may be under way at once.
    #[describe(nested)]
    pub bulkhead: Option<BulkheadConfig>,
    /// How often a call is made again, and how long after.
    #[describe(nested)]
    pub retry: Option<RetryConfig>,
    /// How many of all calls may be made again.
    #[describe(nested)]
    pub budget: Option<BudgetConfig>,
    /// When the target is let alone.
    #[describe(nested)]
    pub breaker: Option<BreakerConfig>,
    /// How long one attempt may take (10 s), if there is as much left of the deadline.
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub attempt_timeout: Option<Duration>,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            deadline: Some(Duration::from_secs(30)),
            bulkhead: Some(BulkheadConfig::default()),
            retry: Some(RetryConfig::default()),
            budget: Some(BudgetConfig::default()),
            breaker: Some(BreakerConfig::default()),
            attempt_timeout: Some(Duration::from_secs(10)),
        }
    }
}

impl PolicyConfig {
    /// For calls that somebody waits for: 2 s in all, 800 ms for each of two attempts, and no more than 50 ms in a queue.
    #[must_use]
    pub fn interactive() -> Self {
        let mut retry = RetryConfig { attempts: 2, ..RetryConfig::default() };
        (retry.initial_delay, retry.max_delay) = (Duration::from_millis(50), Duration::from_millis(500));
        Self {
            deadline: Some(Duration::from_secs(2)),
            attempt_timeout: Some(Duration::from_millis(800)),
            bulkhead: Some(BulkheadConfig { wait: Duration::from_millis(50), ..BulkheadConfig::default() }),
            retry: Some(retry),
            ..Self::default()
        }
    }

    /// For work that nobody waits for: 10 min in all, 60 s for each of up to ten attempts, and pauses of 1 s up to 60 s.
    #[must_use]
    pub fn background() -> Self {
        let mut retry = RetryConfig { attempts: 10, ..RetryConfig::default() };
        (retry.initial_delay, retry.max_delay) = (Duration::from_secs(1), Duration::from_secs(60));
        Self {
            deadline: Some(Duration::from_secs(600)),
            attempt_timeout: Some(Duration::from_secs(60)),
            bulkhead: Some(BulkheadConfig { wait: Duration::from_secs(60), ..BulkheadConfig::default() }),
            retry: Some(retry),
            ..Self::default()
        }
    }

    /// For calls that must not be made twice: the default without retries.
    #[must_use]
    pub fn once() -> Self {
        Self { retry: None, budget: None, ..Self::default() }
    }

    /// Checks the settings for the policy of that name.
    pub(crate) fn check(&self, name: &str) -> Result<(), Refused> {
        Refused::if_any(format_args!("policy `{name}`"), self.problems(name))
    }

    fn problems(&self, name: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if name.is_empty() {
            problems.push("it has no name, which metrics and rejections need".to_owned());
        }
        for (field, time) in [("deadline", self.deadline), ("attempt_timeout", self.attempt_timeout)] {
            if time.is_some_and(|time| time.is_zero()) {
                problems
                    .push(format!("`{field}` is no time, so no call would be in time; raise it, or set it to nothing"));
            }
        }
        let mut within = |field: &str, found: Option<Vec<String>>| {
            problems.extend(found.into_iter().flatten().map(|problem| format!("{field}: {problem}")));
        };
        within("bulkhead", self.bulkhead.as_ref().map(BulkheadConfig::problems));
        within("retry", self.retry.as_ref().map(RetryConfig::problems));
        within("budget", self.budget.as_ref().map(BudgetConfig::problems));
        // What its name lacks is said above.
        within("breaker", self.breaker.as_ref().map(|breaker| breaker.problems("policy")));
        problems
    }
}
