//! Commands on their way to devices.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::frame;

/// How long a command may be, in bytes.
const MAX_LENGTH: usize = 256;
/// For how many devices commands may wait.
const CAPACITY: usize = 1000;

/// Keeps the latest command for each device until that has something to say, and gets the command with the answer: many
/// devices sleep in between, and cannot be called.
#[derive(Debug, Default)]
pub(crate) struct Commands(Mutex<HashMap<Box<str>, Box<str>>>);

/// Why a command is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("no device has that name")]
    Device,
    #[error("a command is one line of text, of 1 to {MAX_LENGTH} bytes")]
    Text,
    #[error("commands wait for {CAPACITY} devices already")]
    Full,
}

impl Commands {
    pub(crate) fn put(&self, device: &str, command: &[u8]) -> Result<(), Refused> {
        let device = frame::name(device).map_err(|_| Refused::Device)?;
        let command = std::str::from_utf8(command).map_err(|_| Refused::Text)?;
        if !(1..=MAX_LENGTH).contains(&command.len()) || command.contains(char::is_control) {
            return Err(Refused::Text);
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= CAPACITY && !waiting.contains_key(device) {
            return Err(Refused::Full);
        }
        waiting.insert(device.into(), command.into());
        Ok(())
    }

    pub(crate) fn take(&self, device: &str) -> Option<Box<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(device)
    }
}
