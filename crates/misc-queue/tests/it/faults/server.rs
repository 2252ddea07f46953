//! A PostgreSQL of one's own, which can be stopped without anybody else noticing.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::Arc,
};

use misc_test::{Missing, skip};
use tokio::task::spawn_blocking;

/// Where distributions put what they do not want on the PATH.
const ELSEWHERE: &str = "/usr/lib/postgresql";

/// A server, with its data in a directory that is removed in the end.
#[derive(Clone)]
pub(super) struct Server(Arc<Inner>);

struct Inner {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    /// It refuses to run as root, who takes the user that was made for it.
    is_root: bool,
}

impl Server {
    /// Starts a fresh one; `None` if none is installed: the test is skipped then.
    pub(super) async fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            skip(Missing::Tool, "no `initdb`, on the PATH or below /usr/lib/postgresql");
            return None;
        };
        let directory = env::temp_dir().join(format!("misc-queue-server-{}", process::id()));
        fs::create_dir(&directory).expect("a directory");
        let is_root = said("id", &["-u"]) == "0";
        if is_root {
            assert!(Command::new("chown").arg("postgres").arg(&directory).status().expect("chown").success());
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let server = Self(Arc::new(Inner { programs, directory, port, is_root }));
        server.run("initdb", &["--username=postgres", "--auth=trust", "--no-sync", "--no-locale"]).await;
        server.begin().await;
        Some(server)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres:secret@127.0.0.1:{}/postgres", self.0.port)
    }

    /// Starts it again.
    pub(super) async fn begin(&self) {
        let options = format!("-p {} -k {} -h 127.0.0.1", self.0.port, self.0.directory.display());
        let log = self.0.directory.join("log").display().to_string();
        self.run("pg_ctl", &["--wait", "--log", &log, "--options", &options, "start"]).await;
    }

    /// Stops it as a crash does: nobody is told, and nothing is tidied up.
    pub(super) async fn stop(&self) {
        self.run("pg_ctl", &["--wait", "--mode=immediate", "stop"]).await;
    }

    pub(super) async fn remove(&self) {
        self.stop().await;
    }

    async fn run(&self, program: &'static str, args: &[&str]) {
        let (inner, args) = (Arc::clone(&self.0), args.iter().map(ToString::to_string).collect::<Vec<_>>());
        let ran = spawn_blocking(move || inner.run(program, &args)).await;
        assert!(ran.expect("it does not panic"), "{program} fails: see {}", self.0.directory.display());
    }
}

impl Inner {
    fn run(&self, program: &str, args: &[String]) -> bool {
        let path = self.programs.join(program);
        let mut command = Command::new(if self.is_root { Path::new("runuser") } else { &path });
        if self.is_root {
            command.args(["-u", "postgres", "--"]).arg(&path);
        }
        command.arg("--pgdata").arg(self.directory.join("data")).args(args).current_dir(&self.directory);
        // The server would keep the pipes open that somebody reads to their end.
        let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        silent.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // It has been stopped already, unless the test has failed.
        self.run("pg_ctl", &["--mode=immediate".to_owned(), "stop".to_owned()]);
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// Finds the directory of the programs that come with the server: the newest one.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut installed: Vec<_> = fs::read_dir(ELSEWHERE).into_iter().flatten().flatten().map(|dir| dir.path()).collect();
    installed.sort();
    let elsewhere = installed.into_iter().rev().map(|version| version.join("bin"));
    env::split_paths(&path).chain(elsewhere).find(|dir| dir.join("initdb").is_file())
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("a program of every Unix");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
