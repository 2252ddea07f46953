//! Files that are watched, where the feature is on.

#[cfg(not(feature = "watch"))]
pub(crate) use self::never::Watch;
#[cfg(feature = "watch")]
pub(crate) use self::notified::Watch;

#[cfg(not(feature = "watch"))]
mod never {
    use std::{future, path::PathBuf};

    /// Watches nothing.
    pub(crate) struct Watch;

    impl Watch {
        pub(crate) fn before_reading(_: &[PathBuf]) -> Self {
            Self
        }

        pub(crate) fn after_reading(_: &[PathBuf]) -> Self {
            Self
        }

        pub(crate) async fn changed(&self) {
            future::pending::<()>().await;
        }
    }
}

#[cfg(feature = "watch")]
mod notified {
    use std::{
        collections::{BTreeSet, HashSet},
        ffi::OsString,
        fs,
        path::{Path, PathBuf},
        sync::Arc,
        time::Duration,
    };

    use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
    use tokio::{sync::Notify, time::timeout};

    /// For how long it must be quiet after a change: an editor writes in several steps.
    const QUIET: Duration = Duration::from_millis(100);

    /// How often a change may put off the end of the quiet time.
    const STEPS: usize = 20;

    /// How many links lead to a file, at most: no system follows more.
    const LINKS: usize = 40;

    /// More than what lies between the reading of a file and its watch.
    const MEANWHILE: Duration = Duration::from_secs(1);

    /// Watches the directories of files: an editor, and a mounted volume of Kubernetes, replace a file instead of
    /// changing it.
    pub(crate) struct Watch {
        changed: Arc<Notify>,
        /// Watches as long as it is there; none where the system refuses, which was logged.
        _watcher: Option<RecommendedWatcher>,
    }

    impl Watch {
        /// Watches files that are not read yet: of those that are, a change may have been missed.
        pub(crate) fn before_reading(files: &[PathBuf]) -> Self {
            let changed = Arc::new(Notify::new());
            let watcher = watcher(files, Arc::clone(&changed)).inspect_err(refused).ok();
            Self { changed, _watcher: watcher }
        }

        /// Watches files that were read just now, and says of those that are quite new that they have changed.
        pub(crate) fn after_reading(files: &[PathBuf]) -> Self {
            let watch = Self::before_reading(files);
            if files.iter().flat_map(|file| ways(file)).any(|way| is_new(&way)) {
                watch.changed.notify_one();
            }
            watch
        }

        /// Waits until something has changed, and it is quiet again.
        ///
        /// # Cancel safety
        /// Weak: a change that came before may be forgotten, and those that go on are heard.
        pub(crate) async fn changed(&self) {
            self.changed.notified().await;
            for _ in 0..STEPS {
                if timeout(QUIET, self.changed.notified()).await.is_err() {
                    break;
                }
            }
        }
    }

    fn watcher(files: &[PathBuf], changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
        let ways: Vec<PathBuf> = files.iter().flat_map(|file| ways(file)).collect();
        let names = Names::of(&ways);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // What went wrong may have been about a change.
            if event.map_or(true, |event| names.concern(&event)) {
                changed.notify_one();
            }
        })?;
        for directory in ways.iter().map(|way| directory_of(way)).collect::<BTreeSet<_>>() {
            drop(watcher.watch(directory, RecursiveMode::NonRecursive).inspect_err(refused));
        }
        Ok(watcher)
    }

    /// Lists the paths of a file, of which each leads by one link less, and those links, also where one is a directory's: what is
    /// read changes with each of them.
    fn ways(file: &Path) -> Vec<PathBuf> {
        let mut ways = vec![file.to_owned()];
        for _ in 0..LINKS {
            let Some((link, behind)) = ways.last().and_then(|way| first_link(way)) else { break };
            ways.extend([link, behind]);
        }
        ways
    }

    /// Finds the first link on a path, and the path without it.
    ///
    /// On macOS not one of the system's in the root, such as `/var`: to watch that would be to watch all there is.
    fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
        let is_in_root = |link: &Path| link.parent().is_some_and(|up| up.has_root() && up.parent().is_none());
        let above: Vec<&Path> =
            path.ancestors().filter(|link| !(cfg!(target_os = "macos") && is_in_root(link))).collect();
        let (link, target) = above.into_iter().rev().find_map(|link| Some((link, fs::read_link(link).ok()?)))?;
        let target = link.parent().unwrap_or(link).join(target);
        let rest = path.strip_prefix(link).ok()?;
        Some((link.to_owned(), target.iter().chain(rest).collect()))
    }

    /// The names on the paths of files: events give the paths in another form, as it may be.
    struct Names(HashSet<OsString>);

    impl Names {
        fn of(files: &[PathBuf]) -> Self {
            Self(files.iter().flat_map(|file| file.iter()).map(OsString::from).collect())
        }

        /// Whether an event is about the files, and not about what else is beside them, such as a log.
        fn concern(&self, event: &Event) -> bool {
            let concerns =
                |path: &PathBuf| path.file_name().is_none_or(|name| self.0.contains(name) || name == "..data");
            event.need_rescan() || !event.kind.is_access() && event.paths.iter().any(concerns)
        }
    }

    /// Finds the directory of a file, or, where that is missing, the one in which it would be made.
    fn directory_of(file: &Path) -> &Path {
        let above = file.ancestors().skip(1).find(|directory| directory.is_dir());
        above.unwrap_or_else(|| Path::new("."))
    }

    fn is_new(file: &Path) -> bool {
        let written = fs::symlink_metadata(file).and_then(|file| file.modified());
        written.is_ok_and(|written| written.elapsed().map_or(true, |age| age < MEANWHILE))
    }

    fn refused(error: &notify::Error) {
        tracing::warn!("changes of configuration files will not be noticed: {error}");
    }

    #[cfg(test)]
    mod tests {
        use notify::EventKind::{Access, Any};

        use super::*;

        #[track_caller]
        fn check(path: &str, concerns: bool) {
            let names = Names::of(&["conf/config.yaml".into()]);
            let event = Event::new(Any).add_path(path.into());
            assert_eq!(names.concern(&event), concerns, "{path}");
            let read = Event::new(Access(notify::event::AccessKind::Any)).add_path(path.into());
            assert!(!names.concern(&read), "who reads a file changes nothing");
        }

        #[test]
        fn what_is_beside_the_files_does_not_concern_them() {
            check("conf/config.yaml", true);
            check("/srv/conf", true);
            check("/srv/conf/..data", true);
            check("conf/service.log", false);
            check("conf/config.yaml.swp", false);
            check("conf/config.yaml.0123456789abcdef", false);
        }

        #[test]
        fn a_file_is_looked_for_in_a_directory_that_is_there() {
            assert_eq!(directory_of(Path::new("config.yaml")), Path::new("."));
            assert_eq!(directory_of(Path::new("missing/too/config.yaml")), Path::new("."));
            assert_eq!(directory_of(Path::new("src/lib.rs")), Path::new("src"));
        }
    }
}
