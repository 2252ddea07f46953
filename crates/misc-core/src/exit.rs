//! An error that chooses the exit code of the process.

use std::io;

/// Ends the process with a code and a text of one's own.
///
/// Anywhere in the chain of an error that ends the app, it decides the exit code: 78 for a bad configuration
/// (`EX_CONFIG` of `sysexits.h`), 0 for `--help`. The text is printed as it is, on standard output when the code is 0
/// and on standard error otherwise, without a list of failures around it when it is the whole error, or when the error
/// around it says the same.
///
/// # Examples
/// ```
/// use misc_core::Exit;
///
/// fn port(text: &str) -> Result<u16, Exit> {
///     text.parse().map_err(|error| Exit::new(78, format!("PORT={text}: {error}")))
/// }
/// assert_eq!(port("x").unwrap_err().code(), 78);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Exit {
    code: u8,
    text: String,
}

impl Exit {
    /// Chooses the code and says why.
    #[must_use]
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// Returns the exit code of the process.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Returns the text to print.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Finds an `Exit` in an error or its sources.
    pub(crate) fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(exit) = error.downcast_ref() {
                return Some(exit);
            }
            // An I/O error passes for the one inside it, and shows only that one's source.
            let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = inside.map(|inside| inside as _).or_else(|| error.source());
        }
        None
    }
}
