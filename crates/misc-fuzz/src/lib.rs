#![doc = include_str!("../README.md")]

mod bytes;
mod settings;
mod targets;

pub use self::targets::{TARGETS, Target};
