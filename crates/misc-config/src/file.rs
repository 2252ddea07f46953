//! Files, read up to a limit.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// How large a file of settings may be, in bytes.
pub(crate) const CONFIG: usize = 1 << 20;

/// How large a file with one value may be, in bytes.
pub(crate) const SECRET: usize = 1 << 16;

/// Reads a file that is UTF-8 and no larger than the limit.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<String> {
    let mut text = Vec::new();
    let within = u64::try_from(limit).unwrap_or(u64::MAX);
    File::open(path)?.take(within.saturating_add(1)).read_to_end(&mut text)?;
    if text.len() > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    String::from_utf8(text).map_err(|_| io::Error::other("it is not UTF-8"))
}
