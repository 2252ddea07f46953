//! The variables by which systemd says where it listens.

use std::{
    ffi::{OsStr, OsString},
    process,
    time::Duration,
};

use super::Notify;
use crate::error::Unusable;

/// Reads the variables of `sd_notify(3)` and `sd_watchdog_enabled(3)`.
pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Notify, Unusable> {
    const SOCKET: &str = "NOTIFY_SOCKET";
    let Some(socket) = variable(SOCKET).filter(|_| cfg!(unix)) else {
        return Ok(Notify::nobody());
    };
    let notify = Notify::to(&socket).map_err(|unusable| {
        Unusable::variable(SOCKET, &socket, "it names no socket; unset it, or start the service by systemd")
            .caused_by(unusable)
    })?;
    Ok(notify.watchdog(period(variable)?))
}

/// Returns the period of this process's watchdog, or zero.
fn period(variable: impl Fn(&str) -> Option<OsString>) -> Result<Duration, Unusable> {
    const PERIOD: &str = "WATCHDOG_USEC";
    const PID: &str = "WATCHDOG_PID";
    let Some(period) = variable(PERIOD) else {
        return Ok(Duration::ZERO);
    };
    let micros = number(PERIOD, &period, "a number of microseconds above 0")?;
    let other = match variable(PID) {
        Some(pid) => number(PID, &pid, "the id of a process")? != u64::from(process::id()),
        None => false,
    };
    Ok(if other { Duration::ZERO } else { Duration::from_micros(micros) })
}

fn number(name: &str, value: &OsStr, expected: &'static str) -> Result<u64, Unusable> {
    let number = value.to_str().and_then(|value| value.parse().ok()).filter(|number| *number > 0);
    number
        .ok_or_else(|| Unusable::variable(name, value, format!("it is not {expected}; unset it, or set WatchdogSec=")))
}
