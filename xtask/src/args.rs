//! The command line: flags are taken out one by one, and what is left over is refused.

use std::collections::VecDeque;

use crate::failure::{Failure, Result};

/// The arguments that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Args(VecDeque<String>);

impl Args {
    pub(crate) fn new<S: Into<String>>(args: impl IntoIterator<Item = S>) -> Self {
        Self(args.into_iter().map(Into::into).collect())
    }

    pub(crate) fn from_env() -> Self {
        Self::new(std::env::args().skip(1))
    }

    /// Takes the first argument, whatever it is.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// Whether the user asks what this command does, before a `--` that ends our flags.
    pub(crate) fn wants_help(&self) -> bool {
        let ours = self.0.iter().take_while(|arg| *arg != "--");
        ours.into_iter().any(|arg| arg == "--help" || arg == "-h")
    }

    /// Takes the flag `name`, and says whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let found = self.0.iter().position(|arg| arg == name);
        found.and_then(|index| self.0.remove(index)).is_some()
    }

    /// Takes every `name <value>`, in order.
    pub(crate) fn values(&mut self, name: &str) -> Result<Vec<String>> {
        let mut values = Vec::new();
        while let Some(index) = self.0.iter().position(|arg| arg == name) {
            self.0.remove(index);
            let value = self.0.remove(index);
            values.push(value.ok_or_else(|| Failure::Usage(format!("`{name}` needs a value")))?);
        }
        Ok(values)
    }

    /// Takes `name <number>`; the last one counts.
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<u64>> {
        let Some(value) = self.values(name)?.pop() else {
            return Ok(None);
        };
        let number = value.parse().map_err(|_| Failure::Usage(format!("`{name} {value}` is not a number")))?;
        Ok(Some(number))
    }

    /// Takes all that is left, for a tool that reads it itself.
    pub(crate) fn rest(self) -> Vec<String> {
        self.0.into()
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result {
        match self.0.front() {
            None => Ok(()),
            Some(arg) => Err(Failure::Usage(format!("unknown argument `{arg}`"))),
        }
    }
}
