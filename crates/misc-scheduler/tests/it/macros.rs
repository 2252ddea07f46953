//! Services that are written with `#[service]`.

mod attributes;
mod contexts;
mod handles;
mod runs;
