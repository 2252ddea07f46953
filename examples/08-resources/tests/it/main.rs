//! The example as a whole, from outside.

mod client;
mod database;
mod support;
