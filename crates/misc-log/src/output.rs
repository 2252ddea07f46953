//! Where lines end up.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use crate::{
    config,
    error::{Error, Kind},
};

/// An open output.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    /// Where it is to be found, unless it is a standard stream.
    path: Option<PathBuf>,
    is_journal: bool,
    /// An error has left a part of a line behind.
    is_torn: bool,
}

impl Output {
    pub(crate) fn open(output: &config::Output) -> Result<Self, Error> {
        match output {
            config::Output::Stderr => stream(&io::stderr()),
            config::Output::Stdout => stream(&io::stdout()),
            config::Output::File(path) => match open(path) {
                Ok(file) => Ok(Self { file, path: Some(path.clone()), is_journal: false, is_torn: false }),
                Err(source) => Err(Kind::Open { path: path.clone(), source }.into()),
            },
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    pub(crate) fn is_journal(&self) -> bool {
        self.is_journal
    }

    /// Goes over to a new file when this one was moved away; where that fails the old one goes on.
    pub(crate) fn follow(&mut self) {
        if let Some(path) = self.path.as_deref()
            && !is_at(&self.file, path)
            && let Ok(file) = open(path)
        {
            self.file = file;
            self.is_torn = false;
        }
    }

    /// Writes whole lines until an error comes that does not pass; returns how many bytes went through before it.
    ///
    /// `retry` waits until it is time to try again what would have blocked, and says whether to.
    pub(crate) fn write(&mut self, lines: &[u8], retry: impl Fn() -> bool) -> Result<(), (usize, io::Error)> {
        if self.is_torn {
            self.write_all(b"\n", &retry).map_err(|(_, error)| (0, error))?;
            self.is_torn = false;
        }
        let result = self.write_all(lines, &retry);
        if let Err((written @ 1.., _)) = result {
            self.is_torn = lines[written - 1] != b'\n';
        }
        result
    }

    fn write_all(&mut self, bytes: &[u8], retry: impl Fn() -> bool) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < bytes.len() {
            match self.file.write(&bytes[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && retry() => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Tells whether a file is to be found at a path still.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let (Ok(file), Ok(there)) = (file.metadata(), path.metadata()) else {
        return false;
    };
    (file.dev(), file.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// A stream of its own to where a standard stream leads: without the lock and the buffer that the program's own
/// prints share, so that an output that hangs does not hold those.
#[cfg(unix)]
fn stream(stream: &impl std::os::fd::AsFd) -> Result<Output, Error> {
    let file = File::from(stream.as_fd().try_clone_to_owned().map_err(Kind::Stream)?);
    let is_journal = std::env::var("JOURNAL_STREAM").is_ok_and(|journal| is_journal(&file, &journal));
    Ok(Output { file, path: None, is_journal, is_torn: false })
}

#[cfg(windows)]
fn stream(stream: &impl std::os::windows::io::AsHandle) -> Result<Output, Error> {
    let file = File::from(stream.as_handle().try_clone_to_owned().map_err(Kind::Stream)?);
    Ok(Output { file, path: None, is_journal: false, is_torn: false })
}

/// Tells whether a file is the one that systemd says leads to its journal: `<device>:<inode>`.
#[cfg(unix)]
fn is_journal(file: &File, journal: &str) -> bool {
    use std::os::unix::fs::MetadataExt;

    file.metadata().is_ok_and(|metadata| journal == format!("{}:{}", metadata.dev(), metadata.ino()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::{io::Read, os::fd::OwnedFd};

    use rustix::fs::{OFlags, fcntl_setfl};

    use super::*;

    #[test]
    fn a_line_after_a_torn_one_begins_anew() {
        let (mut reader, writer) = io::pipe().unwrap();
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
        let file = File::from(OwnedFd::from(writer));
        let mut output = Output { file, path: None, is_journal: false, is_torn: false };

        let huge = format!("{}\n", "x".repeat(1 << 20));
        let (written, error) = output.write(huge.as_bytes(), || false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        reader.read_exact(&mut vec![0; written]).unwrap();

        output.write(b"next\n", || false).unwrap();
        drop(output);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "\nnext\n");
    }
}
