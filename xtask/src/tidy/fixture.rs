//! A small repository that obeys every rule, for tests to break.

use super::{Rule, check};
use crate::repo::Repo;

/// Files start at `//- <path>`, here and in what tests lay over them.
const TIDY: &str = r#"
//- Cargo.toml
[workspace]
members = ["crates/*", "examples/*"]
default-members = ["crates/misc", "crates/misc-core", "crates/misc-http", "examples/01-hello"]

[workspace.dependencies]
misc = { package = "misc-rs", path = "crates/misc", default-features = false }
misc-core = { path = "crates/misc-core", default-features = false }
misc-http = { path = "crates/misc-http", default-features = false }
tokio = { version = "1", default-features = false }
//- Cargo.lock
[[package]]
name = "tokio"
source = "registry+https://github.com/rust-lang/crates.io-index"
//- crates/misc/Cargo.toml
[package]
name = "misc-rs"
description = "All of misc."
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true

[lints]
workspace = true

[features]
# Serves HTTP.
http = ["dep:misc-http"]

[dependencies]
misc-core.workspace = true
misc-http = { workspace = true, optional = true }
//- crates/misc/README.md
# misc
//- crates/misc/src/lib.rs
//! All of misc.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use misc_core::{App, Service};
#[cfg(feature = "http")]
#[doc(inline)]
pub use misc_http as http;

/// What most programs name.
pub mod prelude {
    pub use misc_core::{App, Service as _};
}
//- crates/misc-core/Cargo.toml
[package]
name = "misc-core"
description = "The core."
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true

[lints]
workspace = true

[dependencies]
tokio = { workspace = true, features = ["rt"] }
//- crates/misc-core/README.md
# misc-core
//- crates/misc-core/src/lib.rs
//! The core.
pub struct App;
//- crates/misc-core/tests/it/main.rs
//! The core keeps its promises.
#[test]
fn stops_in_order() {}
//- crates/misc-http/Cargo.toml
[package]
name = "misc-http"
description = "Serves HTTP."
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true

[lints]
workspace = true

[dependencies]
misc-core.workspace = true
//- crates/misc-http/README.md
# misc-http
//- crates/misc-http/src/lib.rs
//! Serves HTTP.
//- examples/01-hello/Cargo.toml
[package]
name = "hello"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish = false

[lints]
workspace = true

[dependencies]
misc = { workspace = true, features = ["http"] }
//- examples/01-hello/src/main.rs
//! The smallest service.
//!
//! Run `cargo run -p hello`; you see it start and stop.
fn main() {}
//- docs/features.md
# Features

| id | feature | where | shown by |
| --- | --- | --- | --- |
| A1 | order | `misc-core` | `crates/misc-core/tests/it/main.rs::stops_in_order`, `examples/01-hello` |
| A2 | queues | `misc-queue` | later: #8 |
"#;

/// What `rules` find once the files of `overlay` are added to the tidy repository or replace its own.
pub(super) fn problems(rules: &[Rule], overlay: &str) -> String {
    let mut repo = Repo::default();
    for text in [TIDY, overlay] {
        for file in text.split("//- ").skip(1) {
            let (path, text) = file.split_once('\n').expect("a path ends its line");
            repo.insert(path, text);
        }
    }
    let problems = check(&repo, rules);
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The text of a tidy file with `from` replaced, as an overlay.
pub(super) fn edited(path: &str, from: &str, to: &str) -> String {
    let head = format!("//- {path}\n");
    let (_, rest) = TIDY.split_once(&head).expect("a file of the fixture");
    let text = rest.split("//- ").next().unwrap_or_default();
    assert!(text.contains(from), "{path} does not contain {from:?}");
    head + &text.replacen(from, to, 1)
}
