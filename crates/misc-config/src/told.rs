//! Warnings, told where somebody hears them, and why.

use std::{
    error::Error,
    io::{self, Write},
};

use crate::show::without_passwords;

/// Logs a warning, or prints it where no log is set up yet: the log's own settings may be what is loaded. Passwords in URLs
/// are masked.
pub(crate) fn warn(warning: &str) {
    let warning = without_passwords(warning);
    if tracing::dispatcher::has_been_set() {
        tracing::warn!(target: "misc_config", "{warning}");
    } else {
        // On a closed pipe nobody hears it, and the program goes on.
        drop(writeln!(io::stderr(), "warning: {warning}"));
    }
}

/// Says what an error is, and what was behind it, unless that is said already.
pub(crate) fn why(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}
