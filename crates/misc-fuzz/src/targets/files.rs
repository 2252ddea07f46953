//! Any text as a file of settings, in each format, is loaded, or refused in a report without secrets.

use misc_config::{Config, Format, Layer};

use crate::settings::{PASSWORD, Settings, check, gives_away, load};

pub(super) fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Some(text) = str::from_utf8(rest).ok().filter(|text| !gives_away(text)) else { return };
    let format = [Format::Yaml, Format::Json, Format::Toml][usize::from(first % 3)];
    match Layer::parse("file", format, text) {
        Ok(layer) => load(Settings::loader().env_from([("APP_PASSWORD", PASSWORD)]).layer(layer)),
        Err(error) => check(&error),
    }
}
