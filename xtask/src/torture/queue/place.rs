//! Where a store is, and what is written down beside it.

use std::{env, fs, net::TcpStream, path::PathBuf, process};

use super::Backend;
use crate::{
    failure::{Failure, Result},
    process::target_dir,
};

/// Where `PostgreSQL` is unless `MISC_POSTGRES` says something else.
const POSTGRES: &str = "postgres://postgres@127.0.0.1:5432/test";
const ADDRESS: &str = "127.0.0.1:5432";

/// A store of its own, and a directory.
pub(super) struct Place {
    pub(super) backend: Backend,
    pub(super) url: String,
    pub(super) prefix: String,
    pub(super) dir: PathBuf,
}

impl Place {
    /// Finds a place for a store; `None` if there is no server, and need not be one.
    pub(super) fn find(backend: Backend, is_asked_for: bool) -> Result<Option<Self>> {
        let dir = target_dir().join(format!("torture/queue-{backend}-{}", process::id()));
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}", dir.join("queue.db").display()),
            Backend::Postgres => match postgres(is_asked_for)? {
                Some(url) => url,
                None => return Ok(None),
            },
        };
        fs::create_dir_all(&dir).map_err(|error| Failure::met(dir.display(), error))?;
        Ok(Some(Self { backend, url, prefix: format!("torture_{}_", process::id()), dir }))
    }

    /// The settings of the store, as JSON. The lease is short, so that what a killed
    /// process had is soon done by others, and longer than a process has to wait for its turn on a busy disk.
    pub(super) fn settings(&self) -> String {
        let Self { url, prefix, .. } = self;
        format!(r#"{{"url": {url:?}, "prefix": {prefix:?}, "lease": "3s", "poll": "1s"}}"#)
    }

    /// What was pushed.
    pub(super) fn pushed(&self) -> PathBuf {
        self.dir.join("pushed")
    }

    /// What was begun and done.
    pub(super) fn worked(&self) -> PathBuf {
        self.dir.join("worked")
    }

    /// Removes what nobody needs to look at.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            println!("warning: {}: {error}", self.dir.display());
        }
    }
}

fn postgres(is_asked_for: bool) -> Result<Option<String>> {
    if let Some(url) = env::var("MISC_POSTGRES").ok().filter(|url| !url.is_empty()) {
        return Ok(Some(url));
    }
    if TcpStream::connect(ADDRESS).is_ok() {
        return Ok(Some(POSTGRES.to_owned()));
    }
    let why =
        format!("torture queue --backend postgres: nobody listens on {ADDRESS}, and MISC_POSTGRES names no other");
    if is_asked_for || env::var_os("MISC_REQUIRE_SERVICES").is_some_and(|value| value == "1") {
        return Err(Failure::check(why));
    }
    println!("skipped: {why}");
    Ok(None)
}
