//! Rules written with `garde`.
//!
//! `#[config(garde)]` on the struct at the top asks for them; `#[garde(dive)]` goes into its sections. What they find is in
//! the report of everything else that is wrong, each with its path and its origin. The program depends on `garde` itself, in
//! the version that is re-exported here.
//!
//! ```
//! use garde::Validate;
//! use misc_config::Config;
//!
//! #[derive(Debug, serde::Deserialize, Validate, Config)]
//! #[config(garde)]
//! struct Settings {
//!     /// How many connections are kept.
//!     #[garde(range(min = 1, max = 100))]
//!     #[config(default = 10)]
//!     pool_size: u32,
//! }
//!
//! let error = Settings::loader().env_from([("POOL_SIZE", "0")]).load().unwrap_err();
//! assert_eq!(error.problems()[0].path(), "pool_size");
//! ```

pub use ::garde::Validate;

use crate::validate::Invalid;

/// Checks a value, and adds what is wrong.
pub fn check<T>(value: &T, invalid: &mut Invalid)
where
    T: Validate<Context: Default>,
{
    let Err(report) = value.validate() else { return };
    for (path, error) in report.into_inner() {
        // garde writes `list[0].key`.
        let path = path.to_string().replace('[', ".").replace(']', "");
        invalid.merge(Invalid::new(path.trim_start_matches('.'), error.message()));
    }
}
