//! What the benches have in common: the contenders, and the runtimes they run on.

mod contender;
mod flavor;

pub use self::{contender::Contender, flavor::Flavor};

/// Why a measurement could not be taken.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
