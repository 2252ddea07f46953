//! The input of a target that is no text, read as small numbers.

/// Bytes yet to be read; past their end they are all zero.
#[derive(Debug)]
pub(crate) struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    /// Reads one byte.
    pub(crate) fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    /// Reads one byte and makes a number below `end` of it.
    pub(crate) fn below(&mut self, end: u8) -> usize {
        usize::from(self.next() % end)
    }
}
