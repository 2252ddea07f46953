//! The order service from outside, on each database that it may have; and the whole system, as its demo plays it.

mod demo;
mod mails;
mod orders;
mod place;
mod support;
