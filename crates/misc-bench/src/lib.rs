#![doc = include_str!("../README.md")]

mod area;
mod areas;
mod callgrind;
mod client;
mod figure;
mod rounds;
mod sample;
mod table;
mod usage;

pub use self::{
    area::{Area, Better, Contender, Load, Measure, Probe, Role, Work},
    areas::{AREAS, area},
    callgrind::count_instructions,
    figure::Figure,
    rounds::{Options, measure},
};

/// Why a measurement could not be taken.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
