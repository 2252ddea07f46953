//! Any text as settings in JSON is loaded, or refused in a report without secrets.

use misc_config::Format;

use crate::settings::load_text;

pub(super) fn run(bytes: &[u8]) {
    load_text(Format::Json, bytes);
}
