//! The programs that `cargo xtask torture queue` kills, and one that reads their store with plain SQL.
//!
//! Run `cargo run -p misc-queue --features sqlite --example queue_subject --` with `push '{"url": "sqlite://queue.db"}'
//! pushed.log 0 10 1`, then with `work '{"url": "sqlite://queue.db"}' worked.log`, and stop that with Ctrl-C. You see
//! in the logs that each number is pushed (`+`), acknowledged (`=`), begun (`>`) and done (`.`). `read` answers what is
//! asked on its standard input.
#![expect(clippy::print_stdout, reason = "what it prints is what the harness looks at")]

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    ops::Range,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use misc_core::{App, BoxError, Context, Exit, Handle};
use misc_queue::{
    Config, Job, Payload, Queue, Store,
    sqlx::{self, AnyConnection, AssertSqlSafe, Connection as _, Row as _, any::AnyRow},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, stdin},
    time::sleep,
};

/// How many jobs a worker has at once.
const CONCURRENCY: usize = 8;
/// No job takes longer.
const LONGEST: Duration = Duration::from_millis(16);

#[derive(Serialize, Deserialize)]
struct Number {
    number: u64,
}

impl Payload for Number {
    const KIND: &'static str = "number";
}

fn main() -> ExitCode {
    misc_core::main(async || {
        let args: Vec<_> = std::env::args().skip(1).collect();
        match &*args.iter().map(|arg| &**arg).collect::<Vec<_>>() {
            ["push", settings, log, from, to, lanes] => {
                let numbers = from.parse()?..to.parse()?;
                Ok(pusher(serde_json::from_str(settings)?, Log::open(log)?, numbers, lanes.parse()?))
            }
            ["work", settings, log] => Ok(worker(serde_json::from_str(settings)?, Log::open(log)?)),
            ["read", url, prefix] => Ok(reader((*url).to_owned(), (*prefix).to_owned())),
            _ => Err(Exit::new(64, "push SETTINGS LOG FROM TO LANES | work SETTINGS LOG | read URL PREFIX").into()),
        }
    })
}

/// Pushes a job for each number, so many at a time, and ends.
fn pusher(config: Config, log: Log, numbers: Range<u64>, lanes: usize) -> App {
    let store = Store::new(config);
    let queue = store.queue::<Number>().pusher();
    let app = App::new("pusher");
    let handle = app.handle();
    app.service("store", store.service()).service("pushes", async move |ctx: Context| {
        ctx.ready();
        handle.ready().await;
        println!("pushes");
        let numbers = Arc::new(Mutex::new(numbers));
        let lane = || ctx.spawn(push(queue.clone(), log.clone(), Arc::clone(&numbers)));
        let lanes: Vec<_> = std::iter::repeat_with(lane).take(lanes).collect();
        for lane in lanes {
            lane.await?;
        }
        println!("has pushed");
        handle.shutdown();
        Ok(())
    })
}

async fn push(queue: Queue<Number>, log: Log, numbers: Arc<Mutex<Range<u64>>>) {
    let next = || numbers.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(number) = next() {
        log.write(&format!("+ {number}\n"));
        match queue.push(Number { number }).await {
            Ok(pushed) => log.write(&format!("= {number} {}\n", pushed.id)),
            // Nothing more is known than when it was begun.
            Err(error) if error.is_uncertain() => println!("uncertain: {error}"),
            Err(error) => {
                log.write(&format!("- {number}\n"));
                println!("refused: {error}");
            }
        }
    }
}

/// Does jobs until it is stopped, if ever.
fn worker(config: Config, log: Log) -> App {
    let (_, worker) = misc_queue::open(config).concurrency(CONCURRENCY).handler_with(log, work);
    let app = App::new("worker");
    let handle = app.handle();
    app.service("jobs", worker).service("word", async move |ctx: Context| tell(&ctx, &handle, "works").await)
}

async fn work(log: Log, job: Job<Number>) -> Result<(), BoxError> {
    log.write(&format!("> {} {}\n", job.number, std::process::id()));
    // Not all take the same time, so that they do not march in step.
    let part = u32::try_from(job.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60)? + 1;
    sleep(LONGEST / 16 * part).await;
    log.write(&format!(". {} {}\n", job.number, std::process::id()));
    Ok(())
}

async fn tell(ctx: &Context, handle: &Handle, word: &str) -> Result<(), BoxError> {
    ctx.ready();
    handle.ready().await;
    println!("{word}");
    ctx.stopping().await;
    Ok(())
}

/// A file to which each line is appended at once: it is whole, and there, even if the process dies right then.
#[derive(Clone)]
struct Log(Arc<File>);

impl Log {
    fn open(path: &str) -> io::Result<Self> {
        Ok(Self(Arc::new(OpenOptions::new().append(true).create(true).open(path)?)))
    }

    fn write(&self, line: &str) {
        (&*self.0).write_all(line.as_bytes()).expect("the disk has room for a log");
    }
}

/// Answers questions about the store, one line each, until there are no more.
fn reader(url: String, prefix: String) -> App {
    let app = App::new("reader");
    let handle = app.handle();
    app.service("reader", async move |ctx: Context| {
        sqlx::any::install_default_drivers();
        let mut reader = Reader { connection: AnyConnection::connect(&url).await?, prefix };
        ctx.ready();
        handle.ready().await;
        println!("reads");
        let mut questions = BufReader::new(stdin()).lines();
        while let Some(question) = ctx.until_stopping(questions.next_line()).await.transpose()?.flatten() {
            println!("answer: {}", reader.answer(&question).await?);
        }
        reader.connection.close().await?;
        handle.shutdown();
        Ok(())
    })
}

struct Reader {
    connection: AnyConnection,
    prefix: String,
}

impl Reader {
    async fn answer(&mut self, question: &str) -> Result<String, BoxError> {
        match question.split_once(' ').unwrap_or((question, "")) {
            ("session", _) => self.words("SELECT CAST(COALESCE(MAX(id), 0) AS TEXT) FROM {}sessions").await,
            // The jobs that a process has, and which process that is.
            ("running", _) => {
                self.words(
                    "SELECT CAST(id AS TEXT) || ':' || CAST(session AS TEXT) FROM {}jobs WHERE state = 'running'",
                )
                .await
            }
            ("open", _) => {
                self.words(
                    "SELECT CAST(COUNT(*) AS TEXT) FROM {}jobs \
                     WHERE state IN ('scheduled', 'available', 'running', 'retryable')",
                )
                .await
            }
            ("jobs", file) => self.jobs(file).await,
            ("drop", _) => self.drop_tables().await,
            (other, _) => Err(format!("`{other}` is no question").into()),
        }
    }

    /// Writes all jobs to a file: id, number, state, attempt, reason.
    async fn jobs(&mut self, file: &str) -> Result<String, BoxError> {
        let rows = self
            .rows(
                "SELECT CAST(id AS TEXT) || ' ' || (payload ->> 'number') || ' ' || state || ' ' \
                 || CAST(attempt AS TEXT) || ' ' || COALESCE(reason, '-') FROM {}jobs ORDER BY id",
            )
            .await?;
        let lines = rows.iter().map(|row| Ok(row.try_get::<String, _>(0)? + "\n"));
        std::fs::write(file, lines.collect::<Result<String, sqlx::Error>>()?)?;
        Ok(rows.len().to_string())
    }

    async fn drop_tables(&mut self) -> Result<String, BoxError> {
        let tables = match self.connection.backend_name() {
            "SQLite" => "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '{}%'",
            _ => "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE tablename LIKE '{}%'",
        };
        let tables = self.words(tables).await?;
        for table in tables.split_whitespace() {
            sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {table}"))).execute(&mut self.connection).await?;
        }
        Ok(tables)
    }

    async fn words(&mut self, statement: &str) -> Result<String, BoxError> {
        let rows = self.rows(statement).await?;
        let words = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        Ok(words.join(" "))
    }

    async fn rows(&mut self, statement: &str) -> Result<Vec<AnyRow>, sqlx::Error> {
        let statement = statement.replace("{}", &self.prefix);
        sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut self.connection).await
    }
}
