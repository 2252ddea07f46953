//! Runs what many threads share in thousands of orders; see the README.

#[cfg(test)]
#[expect(dead_code, unreachable_pub, reason = "it is the source of another crate, which uses more of it")]
mod breaker;
#[cfg(test)]
#[expect(dead_code, unreachable_pub, reason = "it is the source of another crate, which uses more of it")]
#[path = "../../misc-resilience/src/refused.rs"]
mod refused;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod tests;
