//! Any text as settings in TOML is loaded, or refused in a report without secrets.

use misc_config::Format;

use crate::settings::load_text;

pub(super) fn run(bytes: &[u8]) {
    load_text(Format::Toml, bytes);
}
