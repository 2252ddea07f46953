//! What the crate promises, on every engine that is there.

mod crashes;
mod ending;
mod faults;
mod observed;
mod operating;
mod place;
mod pushing;
mod refusals;
mod sharing;
mod stopping;
mod transactions;
mod unheard;
mod work;
