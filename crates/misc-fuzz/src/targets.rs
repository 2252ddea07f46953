//! What is fuzzed.

mod address;
mod filter;
mod graph;
mod json;
mod names;
mod rpc;
mod toml;
mod variables;
mod yaml;

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
    Target { name: "filter", run: filter::run },
    Target { name: "graph", run: graph::run },
    Target { name: "json", run: json::run },
    Target { name: "names", run: names::run },
    Target { name: "rpc", run: rpc::run },
    Target { name: "toml", run: toml::run },
    Target { name: "variables", run: variables::run },
    Target { name: "yaml", run: yaml::run },
];
