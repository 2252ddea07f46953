//! Settings with a key of each kind.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use misc_config::{Config, Error, Format, Layer, Loader, Secret};
use serde::Deserialize;

/// What no report may show.
pub(crate) const PASSWORD: &str = "swordfish-0451";

#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "APP")]
pub(crate) struct Settings {
    #[config(default = "0.0.0.0")]
    host: IpAddr,
    #[config(default = 8000, short = 'p')]
    port: u16,
    #[config(default = false)]
    debug: bool,
    #[config(default = 0.5)]
    ratio: f64,
    #[config(default = "30s")]
    timeout: Duration,
    #[config(default = "1MiB", bytes)]
    limit: u64,
    #[config(default = "a,b")]
    tags: Vec<String>,
    #[serde(default)]
    weights: BTreeMap<String, i8>,
    #[serde(default, alias = "secret")]
    password: Secret<String>,
    #[config(nested)]
    database: Option<Database>,
    #[config(nested)]
    #[serde(default)]
    mirrors: Vec<Database>,
    #[config(nested)]
    #[serde(default)]
    store: Store,
}

#[derive(Debug, Deserialize, Config)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Database {
    url: String,
    #[config(default = 10)]
    pool_size: u32,
    key: Option<Secret<String>>,
}

#[derive(Debug, Default, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Store {
    #[default]
    InMemory,
    OnDisk {
        #[expect(dead_code, reason = "it is loaded and shown, and nobody reads it")]
        path: String,
    },
}

/// Loads settings from a text, if the bytes are one, with a password beside it.
pub(crate) fn load_text(format: Format, bytes: &[u8]) {
    let Some(text) = str::from_utf8(bytes).ok().filter(|text| !gives_away(text)) else { return };
    match Layer::parse("file", format, text) {
        Ok(layer) => load(Settings::loader().env_from([("APP_PASSWORD", PASSWORD)]).layer(layer)),
        Err(error) => check(&error),
    }
}

/// Loads settings of which `PASSWORD` is one; checks that a report is one, and shows no secret.
pub(crate) fn load(loader: Loader<Settings>) {
    match loader.load() {
        Ok(settings) => {
            let shown = format!("{settings:?}");
            assert!(!shown.contains(PASSWORD), "{shown}");
        }
        Err(error) => check(&error),
    }
}

/// A report says what is wrong, in one piece, and shows no secret.
fn check(error: &Error) {
    let report = error.to_string();
    assert!(!error.problems().is_empty(), "{report}");
    assert!(report.lines().all(|line| !line.contains(char::is_control)), "{report:?}");
    assert_eq!(error.exit().code(), 78, "{report}");
    assert!(!report.contains(PASSWORD), "{report}");
}

/// Whether the input itself has the password in it, as a name or as a value that is no secret.
pub(crate) fn gives_away(text: &str) -> bool {
    text.contains(PASSWORD)
}
