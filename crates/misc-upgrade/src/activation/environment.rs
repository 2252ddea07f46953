//! The variables by which systemd passes sockets, and the descriptors that they speak of.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::OwnedFd,
    process,
};

use listenfd::ListenFd;

use crate::error::Unusable;

const PID: &str = "LISTEN_PID";
const COUNT: &str = "LISTEN_FDS";
const NAMES: &str = "LISTEN_FDNAMES";
/// The number of the first descriptor.
const FIRST: usize = 3;

/// Takes the descriptors that were passed, with their names.
pub(super) fn take(variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<(String, OwnedFd)>, Unusable> {
    let names = names(variable)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut passed = ListenFd::from_env();
    let take = |(at, name): (usize, String)| match descriptor(&mut passed, at) {
        Ok(descriptor) => Ok((name, descriptor)),
        Err(error) => {
            let what = format!("descriptor {} (`{name}`), which was passed by {COUNT}", FIRST + at);
            Err(Unusable::new(what, "it is no TCP, UDP or Unix socket; remove it from the unit").caused_by(error))
        }
    };
    names.into_iter().enumerate().map(take).collect()
}

/// Returns the names of the descriptors that were passed to this process.
fn names(variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<String>, Unusable> {
    let (Some(pid), Some(count)) = (variable(PID), variable(COUNT)) else {
        return Ok(Vec::new());
    };
    let pid: u32 = number(PID, &pid, "the id of a process")?;
    if pid != process::id() {
        return Ok(Vec::new());
    }
    let count: u16 = number(COUNT, &count, "a number of descriptors")?;
    let Some(names) = variable(NAMES) else {
        return Ok(vec!["unknown".to_owned(); usize::from(count)]);
    };
    let separate = names.to_str().map(|names| names.split(':').map(str::to_owned).collect::<Vec<_>>());
    let separate = separate.filter(|names| names.len() == usize::from(count) || count == 0);
    let mut separate = separate.ok_or_else(|| {
        let why = format!("it should hold one name, then a colon, for each of the {count} descriptors of {COUNT}");
        Unusable::variable(NAMES, &names, why)
    })?;
    separate.truncate(usize::from(count));
    Ok(separate)
}

fn number<T: std::str::FromStr>(name: &str, value: &OsStr, expected: &str) -> Result<T, Unusable> {
    let number = value.to_str().and_then(|value| value.parse().ok());
    number.ok_or_else(|| {
        let why = format!("it is not {expected}; unset it, or start the service by its .socket unit");
        Unusable::variable(name, value, why)
    })
}

fn descriptor(passed: &mut ListenFd, at: usize) -> io::Result<OwnedFd> {
    if let Ok(Some(listener)) = passed.take_unix_listener(at) {
        return Ok(listener.into());
    }
    if let Ok(Some(socket)) = passed.take_udp_socket(at) {
        return Ok(socket.into());
    }
    let listener = passed.take_tcp_listener(at)?;
    listener.map(Into::into).ok_or_else(|| io::Error::other("it was taken before"))
}
