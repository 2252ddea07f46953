//! Any lines `NAME=value` as variables are loaded, or refused in a report without secrets.

use misc_config::Config;

use crate::settings::{PASSWORD, Settings, gives_away, load};

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = str::from_utf8(bytes).ok().filter(|text| !gives_away(text)) else { return };
    let lines = text.lines().filter_map(|line| line.split_once('='));
    // A variable that names a file would have it read.
    let given = lines.filter(|(name, _)| !name.ends_with("_FILE") && *name != "CONFIG" && *name != "PASSWORD");
    let password = [("PASSWORD", PASSWORD)];
    let variables = given.chain(password).map(|(name, value)| (format!("APP_{name}"), value.to_owned()));
    load(Settings::loader().env_from(variables));
}
