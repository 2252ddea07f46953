//! Files that are changed in all the ways that files are.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use misc_config::{Changes, Config, Live};
use misc_core::App;
use misc_test::{Logs, TestApp};
use tokio::time::timeout;

use super::{Pool, pool};
use crate::dir::Dir;

/// Longer than any change takes to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// An app with settings in a file of a directory of its own.
struct Watched {
    file: PathBuf,
    live: Live<Pool>,
    changes: Changes<Pool>,
    app: TestApp,
    directory: Dir,
}

impl Watched {
    /// Starts with a file of this name, which `prepare` makes, if it wants.
    async fn start(file: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = Dir::new();
        let file = directory.path().join(file);
        prepare(&file);
        let (live, reloader) = Pool::loader().optional_file(&file).live().expect("it is valid");
        let app = TestApp::start(App::new("test").with(reloader)).await;
        Self { file, changes: live.changes(), live, app, directory }
    }

    /// Checks that a change makes the settings this large, and that the app ends well.
    async fn check(&mut self, size: u32) {
        let changed = async { while !self.live.get().is(size) && self.changes.next().await.low > 0 {} };
        assert!(timeout(PATIENCE, changed).await.is_ok(), "it is {:?}, and not {size}", self.live.get());
    }

    async fn end(self) {
        self.app.stop().await.assert_clean().await;
        drop(self.directory);
    }
}

fn write(file: &Path, size: u32) {
    let directory = file.parent().expect("it is in one");
    fs::create_dir_all(directory).and_then(|()| fs::write(file, pool(size))).expect("it can be written");
}

#[tokio::test]
async fn a_file_that_is_written_again_is_read_again() {
    let mut watched = Watched::start("pool.json", |file| write(file, 1)).await;
    for size in 2..5 {
        write(&watched.file, size);
        watched.check(size).await;
    }
    watched.end().await;
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_again() {
    let mut watched = Watched::start("pool.json", |file| write(file, 1)).await;
    for size in 2..5 {
        let new = watched.file.with_extension("new");
        write(&new, size);
        fs::rename(&new, &watched.file).unwrap();
        watched.check(size).await;
    }
    watched.end().await;
}

#[tokio::test]
async fn a_file_that_comes_and_goes_is_followed() {
    let mut watched = Watched::start("pool.json", |_| {}).await;
    write(&watched.file, 2);
    watched.check(2).await;
    fs::remove_file(&watched.file).unwrap();
    watched.check(1).await;
    watched.end().await;
}

#[tokio::test]
async fn a_directory_that_goes_and_comes_is_followed() {
    let mut watched = Watched::start("conf/deep/pool.json", |file| write(file, 2)).await;
    for size in [3, 5] {
        fs::remove_dir_all(watched.directory.path().join("conf")).unwrap();
        watched.check(1).await;
        write(&watched.file, size);
        watched.check(size).await;
        write(&watched.file, size + 1);
        watched.check(size + 1).await;
    }
    watched.end().await;
}

#[tokio::test]
async fn what_changes_before_the_app_runs_is_not_missed() {
    let directory = Dir::new();
    let file = directory.path().join("pool.json");
    write(&file, 1);
    let (live, reloader) = Pool::loader().file(&file).live().unwrap();
    write(&file, 2);
    let mut changes = live.changes();
    let app = TestApp::start(App::new("test").with(reloader)).await;
    assert!(timeout(PATIENCE, changes.next()).await.unwrap().is(2));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_file_that_is_half_written_changes_nothing() {
    let logs = Logs::capture();
    let mut watched = Watched::start("pool.json", |file| write(file, 1)).await;
    fs::write(&watched.file, &pool(2)[..10]).unwrap();
    logs.until("the new configuration is not used").await;
    assert!(watched.live.get().is(1));
    write(&watched.file, 3);
    watched.check(3).await;
    watched.end().await;
}

#[tokio::test]
async fn many_changes_end_with_the_last_one() {
    let mut watched = Watched::start("pool.json", |file| write(file, 1)).await;
    for size in 2..=200 {
        write(&watched.file, size);
        tokio::task::yield_now().await;
    }
    watched.check(200).await;
    watched.end().await;
}

/// As the kubelet does it: each version is a directory, and the link to the one that counts is replaced.
#[cfg(unix)]
#[tokio::test]
async fn a_mounted_volume_of_kubernetes_is_followed() {
    let mount = |directory: &Path, size| {
        let version = format!("..2026_{size}");
        write(&directory.join(&version).join("pool.json"), size);
        let link = directory.join("..data_tmp");
        std::os::unix::fs::symlink(version, &link).unwrap();
        fs::rename(link, directory.join("..data")).unwrap();
    };
    let prepare = |file: &Path| {
        let directory = file.parent().unwrap();
        mount(directory, 1);
        std::os::unix::fs::symlink("..data/pool.json", file).unwrap();
    };
    let mut watched = Watched::start("pool.json", prepare).await;
    for size in 2..5 {
        mount(watched.directory.path(), size);
        watched.check(size).await;
        fs::remove_dir_all(watched.directory.path().join(format!("..2026_{}", size - 1))).unwrap();
    }
    watched.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_link_leads_to_is_followed() {
    let link = |file: &Path| {
        write(&file.with_file_name("elsewhere/real.json"), 1);
        std::os::unix::fs::symlink("elsewhere/real.json", file).unwrap();
    };
    let mut watched = Watched::start("pool.json", link).await;
    for size in 2..5 {
        write(&watched.directory.path().join("elsewhere/real.json"), size);
        watched.check(size).await;
    }
    watched.end().await;
}

/// Makes a link, also where one is there, as `ln -sfn` does.
#[cfg(unix)]
fn link(link: &Path, target: &str) {
    let new = link.with_extension("new");
    std::os::unix::fs::symlink(target, &new).and_then(|()| fs::rename(new, link)).expect("it can be made");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_the_middle_of_a_path_is_followed() {
    let release = |root: &Path, size: u32| {
        write(&root.join(format!("releases/{size}/conf/pool.json")), size);
        link(&root.join("current"), &format!("releases/{size}"));
    };
    let prepare = |file: &Path| release(file.ancestors().nth(3).unwrap(), 1);
    let mut watched = Watched::start("current/conf/pool.json", prepare).await;
    for size in 2..5 {
        release(watched.directory.path(), size);
        watched.check(size).await;
    }
    watched.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn links_to_links_are_followed() {
    let middle = |root: &Path, size: u32| {
        write(&root.join(format!("b/{size}.json")), size);
        link(&root.join("a/middle.json"), &format!("../b/{size}.json"));
    };
    let prepare = |file: &Path| {
        let root = file.parent().unwrap();
        fs::create_dir(root.join("a")).unwrap();
        middle(root, 1);
        link(file, "a/middle.json");
    };
    let mut watched = Watched::start("pool.json", prepare).await;
    for size in 2..5 {
        middle(watched.directory.path(), size);
        watched.check(size).await;
    }
    watched.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_lead_to_themselves_are_given_up() {
    let mut watched = Watched::start("loop/pool.json", |_| {}).await;
    link(&watched.directory.path().join("loop"), "loop");
    fs::remove_file(watched.directory.path().join("loop")).unwrap();
    write(&watched.file, 2);
    watched.check(2).await;
    watched.end().await;
}
