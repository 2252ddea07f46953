//! Processes that share a store as their ledger: each firing starts once, and one that is killed holds up nobody.

use std::{
    collections::BTreeSet,
    env::{self, consts::EXE_SUFFIX},
    fs::{self, File, OpenOptions},
    path::PathBuf,
    process::{self, Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use misc::{
    BoxError,
    queue::sqlx::{self, AnyConnection, Connection as _, any::install_default_drivers},
};
use tokio::time::{sleep, timeout};

const REPLICAS: usize = 3;
const FIRINGS: usize = 200;
const KILLS: usize = 10;
const PERIOD: Duration = Duration::from_millis(50);
/// How much later than what is due each kill comes than the one before.
const STEP: Duration = Duration::from_micros(500);
/// How long all of it may take, which takes some 11 s on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn each_firing_starts_once_in_a_cluster_on_sqlite() {
    let directory = Directory::new("sqlite");
    let url = format!("sqlite://{}/queue.db", directory.0.display());
    observe(&url, &directory).await.expect("replicas that live until they are killed").check();
}

#[cfg(feature = "queue-postgres")]
#[tokio::test]
async fn each_firing_starts_once_in_a_cluster_on_postgres() {
    let Some(server) = misc::test::server("MISC_POSTGRES", "postgres://postgres@127.0.0.1:5432/test") else { return };
    let (directory, schema) = (Directory::new("postgres"), format!("misc_cluster_{}", process::id()));
    execute(&server, format!("CREATE SCHEMA {schema}")).await;
    let seen = observe(&format!("{server}?options=-c%20search_path%3D{schema}"), &directory).await;
    execute(&server, format!("DROP SCHEMA {schema} CASCADE")).await;
    seen.expect("replicas that live until they are killed").check();
}

#[cfg(feature = "queue-postgres")]
async fn execute(server: &str, statement: String) {
    use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
    let mut connection = PgConnection::connect(server).await.expect("the server that has answered");
    connection.execute(AssertSqlSafe(statement)).await.expect("a statement that works");
    connection.close().await.expect("a connection that is there");
}

/// For when firings were planned, in microseconds since 1970.
struct Seen {
    /// In the order in which they were started.
    started: Vec<u64>,
    /// What the store says that somebody had.
    claimed: BTreeSet<u64>,
}

/// Lets replicas run until they have started so many firings, and kills some of them meanwhile.
async fn observe(url: &str, directory: &Directory) -> Result<Seen, BoxError> {
    let mut cluster = Cluster::new(url, directory)?;
    timeout(PATIENCE, async {
        for _ in 0..REPLICAS {
            cluster.start().await?;
        }
        for kill in 0..KILLS {
            cluster.until(|log| log.started.len() > kill * FIRINGS / KILLS).await?;
            sleep(until_claims() + STEP * u32::try_from(kill)?).await;
            cluster.kill_oldest();
            cluster.start().await?;
        }
        cluster.until(|log| log.started.len() >= FIRINGS).await?;
        cluster.stop().await
    })
    .await
    .map_err(|_| format!("not done within {PATIENCE:?}: {:?}", cluster.log()))??;
    Ok(Seen { started: cluster.log()?.started, claimed: claimed(url).await? })
}

/// Returns how long it is until a firing is due next, which all claim then.
fn until_claims() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let left = PERIOD.as_nanos() - now.as_nanos() % PERIOD.as_nanos();
    Duration::from_nanos(u64::try_from(left).expect("no more than a period"))
}

async fn claimed(url: &str) -> Result<BTreeSet<u64>, BoxError> {
    install_default_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    let keys = sqlx::query_scalar("SELECT key FROM misc_queue_claims").fetch_all(&mut connection).await?;
    connection.close().await?;
    keys.iter().map(|key: &String| due(key)).collect()
}

/// Reads a key such as `tasks/task@2027-01-02T03:04:05.050Z`.
fn due(key: &str) -> Result<u64, BoxError> {
    let time = key.strip_prefix("tasks/task@").ok_or("a key of something else")?;
    let since = humantime::parse_rfc3339(time)?.duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_micros())?)
}

impl Seen {
    #[track_caller]
    #[expect(clippy::print_stdout, reason = "how many firings the kills have taken along is for whoever looks on")]
    fn check(self) {
        let Self { started, claimed } = self;
        let once: BTreeSet<_> = started.iter().copied().collect();
        let twice: Vec<_> = once.iter().filter(|due| started.iter().filter(|other| other == due).count() > 1).collect();
        assert!(twice.is_empty(), "started twice: {twice:?}");
        let unclaimed: Vec<_> = once.difference(&claimed).collect();
        assert!(unclaimed.is_empty(), "started without a claim: {unclaimed:?}");

        // Somebody has taken each that was due, from the first one on.
        assert!(claimed.len() >= FIRINGS, "{} firings", claimed.len());
        let dues: Vec<_> = claimed.iter().copied().collect();
        let gaps: Vec<_> = dues.windows(2).filter(|pair| u128::from(pair[1] - pair[0]) != PERIOD.as_micros()).collect();
        assert!(gaps.is_empty(), "nobody has taken what was due between {gaps:?}");

        // Those that nobody has started were in the hands of a process when that was killed, which has one at a time.
        let lost: Vec<_> = claimed.difference(&once).collect();
        println!("{} firings, {KILLS} kills: {} claimed and not started", claimed.len(), lost.len());
        assert!(lost.len() <= KILLS, "claimed and not started, for {KILLS} kills: {lost:?}");
    }
}

/// Replicas, from the oldest to the youngest, and the file that all of them write to.
struct Cluster {
    url: String,
    log: PathBuf,
    output: File,
    replicas: Vec<Replica>,
}

impl Cluster {
    fn new(url: &str, directory: &Directory) -> Result<Self, BoxError> {
        let log = directory.0.join("log");
        let output = OpenOptions::new().append(true).create(true).open(&log)?;
        Ok(Self { url: url.to_owned(), log, output, replicas: Vec::new() })
    }

    /// Starts one more, and waits until it is up.
    async fn start(&mut self) -> Result<(), BoxError> {
        let mut command = Command::new(program());
        command.arg(&self.url).arg(PERIOD.as_millis().to_string());
        let replica = Replica(command.stdin(Stdio::piped()).stdout(self.output.try_clone()?).spawn()?);
        let id = replica.0.id();
        self.replicas.push(replica);
        self.until(|log| log.up.contains(&id)).await
    }

    /// Ends one as a crash would.
    fn kill_oldest(&mut self) {
        drop(self.replicas.remove(0));
    }

    /// Asks all to stop, and waits until they have.
    async fn stop(&mut self) -> Result<(), BoxError> {
        for replica in &mut self.replicas {
            drop(replica.0.stdin.take());
        }
        while let Some(replica) = self.replicas.first_mut() {
            match replica.0.try_wait()? {
                Some(status) if status.success() => drop(self.replicas.remove(0)),
                Some(status) => return Err(format!("a replica has not stopped well: {status}").into()),
                None => sleep(Duration::from_millis(5)).await,
            }
        }
        Ok(())
    }

    /// Waits until the log says so; all have to live until then.
    async fn until(&mut self, mut is_so: impl FnMut(&Log) -> bool) -> Result<(), BoxError> {
        while !is_so(&self.log()?) {
            for replica in &mut self.replicas {
                if let Some(status) = replica.0.try_wait()? {
                    return Err(format!("a replica has ended: {status}").into());
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn log(&self) -> Result<Log, BoxError> {
        let mut log = Log::default();
        for line in fs::read_to_string(&self.log)?.lines() {
            let (id, what) = line.split_once(' ').ok_or_else(|| format!("a line such as `{line}`"))?;
            match what {
                "up" => log.up.push(id.parse()?),
                due => log.started.push(due.parse()?),
            }
        }
        Ok(log)
    }
}

/// What the replicas have written.
#[derive(Debug, Default)]
struct Log {
    up: Vec<u32>,
    started: Vec<u64>,
}

/// A running process, killed when it is dropped.
struct Replica(Child);

impl Drop for Replica {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Where the program is: `cargo test` builds examples as well.
fn program() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("`target/<profile>/deps/<test>`");
    let program = profile.join("examples").join(format!("replica{EXE_SUFFIX}"));
    let cure = "build it with `cargo build -p misc-rs --examples --all-features`";
    assert!(program.exists(), "the program under test is not there: {}\n{cure}", program.display());
    program
}

/// A directory of this test alone, removed with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("misc-cluster-{name}-{}", process::id()));
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
