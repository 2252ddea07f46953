//! A ledger for the processes of one host.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use misc_core::{BoxError, Ledger};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::instant;

/// A ledger in a file: it survives restarts, and the processes of one host share it.
///
/// The file is JSON, and is replaced as a whole, so that a crash leaves the old one or the new one. A lock beside it, of the
/// operating system, orders those who use it; so it does not belong on a network file system. It is meant for schedules of
/// seconds and more, not for thousands of firings a second: each claim reads and writes the file.
///
/// # Examples
/// ```no_run
/// use misc_scheduler::{FileLedger, Scheduler, daily};
///
/// let scheduler = Scheduler::new()
///     .ledger(FileLedger::new("/var/lib/shop/schedule.json"))
///     .task("report", daily("09:00"), async || {});
/// # drop(scheduler);
/// ```
#[derive(Debug, Clone)]
pub struct FileLedger {
    paths: Arc<Paths>,
    /// Whose turn it is among those who would wait for the lock, so that one thread does.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Paths {
    file: PathBuf,
    lock: PathBuf,
    fresh: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Books {
    /// Until when each key is claimed, in microseconds since the epoch.
    claims: BTreeMap<String, i64>,
    values: BTreeMap<String, String>,
}

impl FileLedger {
    /// Keeps it in a file, which is made when there is something to write; its directory must exist.
    ///
    /// A file that is no ledger is left as it is, and what cannot be written leaves the old one: either is an error that
    /// names the file, and the ledger is away until somebody has seen to it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let file = path.into();
        let beside = |suffix: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let (lock, fresh) = (beside(".lock"), beside(".new"));
        Self { paths: Arc::new(Paths { file, lock, fresh }), turn: Arc::default() }
    }

    /// Works on the books while nobody else does, on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Books) -> (T, bool) + Send + 'static,
    ) -> Result<T, BoxError> {
        let paths = Arc::clone(&self.paths);
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            paths.with(work)
        });
        let file = self.paths.file.display();
        worked.await?.map_err(|error| format!("the ledger `{file}` cannot be used: {error}").into())
    }
}

impl Paths {
    fn with<T>(&self, work: impl FnOnce(&mut Books) -> (T, bool)) -> io::Result<T> {
        let lock = File::options().create(true).truncate(false).write(true).open(&self.lock)?;
        lock.lock()?;
        let mut books = read(&self.file)?;
        let (result, has_changed) = work(&mut books);
        if has_changed {
            self.replace(&books)?;
        }
        lock.unlock()?;
        Ok(result)
    }

    fn replace(&self, books: &Books) -> io::Result<()> {
        let mut fresh = File::create(&self.fresh)?;
        fresh.write_all(&serde_json::to_vec_pretty(books)?)?;
        fresh.sync_all()?;
        fs::rename(&self.fresh, &self.file)?;
        // The rename itself lasts only once the directory is written.
        match self.file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }
}

fn read(file: &Path) -> io::Result<Books> {
    match fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            let cure = "put back a copy, or move it away to begin without any last firings";
            io::Error::new(io::ErrorKind::InvalidData, format!("it is no ledger ({error}); {cure}"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Books::default()),
        Err(error) => Err(error),
    }
}

impl Ledger for FileLedger {
    async fn claim(&self, key: &str, until: SystemTime) -> Result<bool, BoxError> {
        let (key, until) = (key.to_owned(), instant::of(until));
        self.with(move |books| {
            let now = instant::of(SystemTime::now());
            books.claims.retain(|_, until| *until > now);
            let is_free = !books.claims.contains_key(&key);
            if is_free {
                books.claims.insert(key, until);
            }
            // What is over at once is not worth a write.
            (is_free, is_free && until > now)
        })
        .await
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), BoxError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.with(move |books| {
            books.values.insert(key, value);
            ((), true)
        })
        .await
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        let key = key.to_owned();
        self.with(move |books| (books.values.get(&key).cloned(), false)).await
    }
}
