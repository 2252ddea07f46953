//! Where lines end up.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf, absolute},
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
    /// An error, or a process before this one, has left a part of a line behind.
    is_torn: bool,
    /// The file was removed and cannot be made again, for this reason: nobody would ever read what goes there.
    gone: Option<io::Error>,
}

impl Output {
    pub(crate) fn open(output: &config::Output) -> Result<Self, Error> {
        match output {
            config::Output::Stderr => stream(&io::stderr()),
            config::Output::Stdout => stream(&io::stdout()),
            config::Output::File(path) => {
                // The program may go elsewhere, and its log shall not go with it.
                let opened = absolute(path).and_then(|path| Ok((open(&path)?, path)));
                let (file, path) = opened.map_err(|source| Kind::Open { path: path.clone(), source })?;
                let is_torn = ends_within_a_line(&path);
                Ok(Self { is_torn, path: Some(path), ..Self::of(file) })
            }
        }
    }

    fn of(file: File) -> Self {
        Self { file, path: None, is_journal: false, is_torn: false, gone: None }
    }

    /// Tells whether others may write in between, unless a line goes there in one piece: a pipe, a socket, a terminal.
    pub(crate) fn is_shared(&self) -> bool {
        !self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    pub(crate) fn is_journal(&self) -> bool {
        self.is_journal
    }

    /// Goes over to a new file when this one was moved away or removed.
    ///
    /// Where that fails, one that was moved goes on; one that was removed takes nothing any more.
    pub(crate) fn follow(&mut self) {
        let Some(path) = self.path.as_deref().filter(|path| !is_at(&self.file, path)) else {
            return;
        };
        match open(path) {
            Ok(file) => *self = Self { path: self.path.take(), ..Self::of(file) },
            Err(error) => self.gone = Some(error).filter(|_| is_removed(&self.file)),
        }
    }

    /// Writes whole lines until an error comes that does not pass; returns how many bytes went through before it.
    ///
    /// `retry` waits until it is time to try again what would have blocked, and says whether to.
    pub(crate) fn write(&mut self, lines: &[u8], retry: impl Fn() -> bool) -> Result<(), (usize, io::Error)> {
        if let Some(error) = &self.gone {
            return Err((0, io::Error::new(error.kind(), error.to_string())));
        }
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

/// Tells whether the last line of a file has no end.
fn ends_within_a_line(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Ok(b'\n');
        }
        let mut last = [b'\n'];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(last[0])
    };
    // One that is empty, or cannot be read, has no such line as far as one can tell.
    last().is_ok_and(|last| last != b'\n')
}

/// Tells whether a file has no name any more.
#[cfg(unix)]
fn is_removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;

    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
fn is_removed(_file: &File) -> bool {
    true
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
    Ok(Output { is_journal, ..Output::of(file) })
}

#[cfg(windows)]
fn stream(stream: &impl std::os::windows::io::AsHandle) -> Result<Output, Error> {
    let file = File::from(stream.as_handle().try_clone_to_owned().map_err(Kind::Stream)?);
    Ok(Output::of(file))
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
        let mut output = Output::of(file);

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
