//! Tests of misc-macros, with misc-core as the crate that owns `Describe`; those of `Config` are with misc-config.

mod enums;
mod fields;
mod rename;
mod show;
mod structs;
