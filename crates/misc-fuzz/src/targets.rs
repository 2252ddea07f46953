//! What is fuzzed.

mod address;
mod files;
mod filter;
mod graph;
mod names;
mod variables;

/// Something that is to hold for any bytes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Target {
    /// The name, which is that of its file and of the directory of its seeds.
    pub name: &'static str,
    /// Takes any bytes, and panics if what it checks does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "address", run: address::run },
    Target { name: "files", run: files::run },
    Target { name: "filter", run: filter::run },
    Target { name: "graph", run: graph::run },
    Target { name: "names", run: names::run },
    Target { name: "variables", run: variables::run },
];
