//! A copy on disk, for when a source is away.

use std::{
    fs::{self, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use misc_core::BoxError;
use tokio::time::timeout;

use crate::{
    file,
    format::{self, Format, Limits},
    layer::Layer,
    source::Source,
    told,
};

/// How long the source may take, which leaves time for the copy.
const PATIENCE: Duration = Duration::from_secs(5);

/// A source that remembers: the last layer that was in use is kept in a file, and taken when the source cannot be
/// asked.
///
/// The file is JSON, with secrets as they are, readable by its owner alone; it is replaced as a whole. A copy that is
/// taken is a warning, and each of its values says that it comes from there.
///
/// # Examples
/// ```
/// use misc_config::{Config, LastGood, Layer, Source};
/// # use misc_core::BoxError;
/// # #[derive(Debug, serde::Deserialize, Config)]
/// # struct Settings {
/// #     /// The port to listen on.
/// #     #[config(default = 8000)]
/// #     port: u16,
/// # }
/// # async fn load(centre: impl Source) -> Result<(), misc_config::Error> {
/// let settings = Settings::loader().source(LastGood::new(centre, "/var/lib/shop/centre.json")).load().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LastGood<S> {
    source: S,
    path: PathBuf,
    patience: Duration,
}

impl<S: Source> LastGood<S> {
    /// Keeps the copy in this file, whose directory must be there.
    pub fn new(source: S, path: impl Into<PathBuf>) -> Self {
        Self { source, path: path.into(), patience: PATIENCE }
    }

    /// Sets how long the source may take before the copy is taken (5 s): less than
    /// [`source_timeout`](crate::Loader::source_timeout), which is for both.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    async fn ask(&self) -> Result<Layer, BoxError> {
        let answered = timeout(self.patience, self.source.load()).await;
        answered.unwrap_or_else(|_| Err(format!("it did not answer within {:?}", self.patience).into()))
    }

    fn copy(&self) -> Result<Layer, BoxError> {
        let text = file::read(&self.path, file::CONFIG)?;
        let name = self.path.display().to_string();
        let table = format::read(&name, Format::Json, &text, Limits::default());
        Ok(Layer { table: table.map_err(|problem| problem.message().to_owned())? })
    }
}

impl<S: Source> Source for LastGood<S> {
    async fn load(&self) -> Result<Layer, BoxError> {
        let away = match self.ask().await {
            Ok(layer) => return Ok(layer),
            Err(error) => told::why(&*error),
        };
        let path = self.path.display();
        match self.copy() {
            Ok(layer) => {
                told::warn(&format!("a source cannot be asked, so its last good copy in {path} is used: {away}"));
                Ok(layer)
            }
            Err(error) => Err(format!("{away}; nor can its last good copy in {path} be used: {error}").into()),
        }
    }

    async fn changed(&self) {
        self.source.changed().await;
    }

    fn accepted(&self, layer: &Layer) {
        self.source.accepted(layer);
        if let Err(error) = replace(&self.path, &layer.to_json().to_string()) {
            told::warn(&format!("no copy of a source could be kept in {}: {error}", self.path.display()));
        }
    }
}

/// Replaces a file as a whole, readable by its owner alone.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path);
    // Of the directory, nothing is synchronised: after a crash the old copy is as good as the new one.
    let replaced = write(&new, text).and_then(|()| fs::rename(&new, path));
    // What cannot be used is not left behind; the first error says more than one about that.
    replaced.inspect_err(|_| drop(fs::remove_file(&new)))
}

/// Writes a file that was not there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Names a file that nobody else writes, such as another instance of the program.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", RandomState::new().build_hasher().finish()));
    path.with_file_name(name)
}
