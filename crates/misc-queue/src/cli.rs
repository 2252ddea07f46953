//! Commands for operators.

mod shown;

use std::{
    io::{self, Write},
    num::NonZeroU32,
};

use clap::{Args, Subcommand};

use crate::{
    config::Config,
    error::{Error, Kind},
    operator::Operator,
    status::{JobId, Selection, State},
    store::Store,
};

/// Commands to look after the jobs of a store, for a clap command of one's own.
///
/// They work on a store that other processes work on, and on one that nobody does. What they do to running jobs is done by
/// the process that has the job.
///
/// # Examples
/// ```
/// use clap::{Parser, Subcommand};
/// use misc_queue::{Command, Config};
///
/// #[derive(Parser)]
/// struct Shop {
///     #[command(subcommand)]
///     command: Option<Shops>,
/// }
///
/// #[derive(Subcommand)]
/// enum Shops {
///     /// Looks after the queue.
///     #[command(subcommand)]
///     Queue(Command),
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), misc_queue::Error> {
/// # let file = std::env::temp_dir().join(format!("misc-queue-cli-{}.db", std::process::id()));
/// # let config = Config::from(format!("sqlite://{}", file.display()));
/// let shop = Shop::parse_from(["shop", "queue", "list", "--state", "dead"]);
/// if let Some(Shops::Queue(command)) = shop.command {
///     command.run(config).await?;
/// }
/// # std::fs::remove_file(file).ok();
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Lists the queues, with how many jobs are in which state.
    Queues(Format),
    /// Lists jobs, the newest first.
    List {
        /// Only those of this queue.
        #[arg(long)]
        queue: Option<String>,
        /// Only those in this state: scheduled, available, running, retryable, completed, cancelled, dead.
        #[arg(long)]
        state: Option<State>,
        /// Only those before this one: the last of the page before.
        #[arg(long)]
        before: Option<JobId>,
        /// How many at most.
        #[arg(long, default_value_t = 20)]
        limit: u64,
        /// How it is shown.
        #[command(flatten)]
        format: Format,
    },
    /// Shows all that is known of a job.
    Show {
        /// Its number.
        id: JobId,
        /// Also what it is about, which may have secrets.
        #[arg(long)]
        payload: bool,
        /// How it is shown.
        #[command(flatten)]
        format: Format,
    },
    /// Lets jobs be begun now: dead and cancelled ones with all attempts ahead, and those that wait for their time.
    Retry(Which),
    /// Cancels jobs that wait or run.
    Cancel(Which),
    /// Deletes jobs that do not run.
    Purge(Which),
    /// Lets no more jobs of a queue be begun until it is resumed.
    Pause {
        /// Its name.
        queue: String,
    },
    /// Lets jobs of a paused queue be begun again.
    Resume {
        /// Its name.
        queue: String,
    },
}

/// How it is shown.
#[derive(Debug, Clone, Copy, Args)]
pub struct Format {
    /// As JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Which jobs are meant.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub struct Which {
    /// Their numbers.
    ids: Vec<JobId>,
    /// Those of this queue.
    #[arg(long)]
    queue: Option<String>,
    /// Those in this state.
    #[arg(long)]
    state: Option<State>,
    /// All jobs of the store.
    #[arg(long, conflicts_with_all = ["ids", "queue", "state"])]
    all: bool,
}

impl Command {
    /// Does what it says, and writes to standard output what came of it.
    ///
    /// It opens the store as a service does: a file of SQLite that is missing is made, the tables are migrated, and a
    /// session is begun in them, also to list. What changes many jobs may need a longer [`Config::timeout`].
    ///
    /// # Cancel safety
    /// Weak: dropped, it was done or not.
    ///
    /// # Errors
    /// When the store cannot be opened, is in memory, or does not answer; when there is no such job to show; when the
    /// output cannot be written. With [`Error::is_uncertain`], a change may have been made. Of several ids, those
    /// before the one that has failed are done.
    pub async fn run(self, config: impl Into<Config>) -> Result<(), Error> {
        let mut out = Vec::new();
        let done = self.write(config, &mut out).await;
        let written = io::stdout().lock().write_all(&out);
        done?;
        written.map_err(|error| Error::new(Kind::Unavailable, "cannot write to standard output").with_source(error))
    }

    /// Does what it says, as [`run`](Self::run) does, and appends what came of it to `out`.
    ///
    /// # Errors
    /// As [`run`](Self::run), but for the output.
    pub async fn write(self, config: impl Into<Config>, out: &mut Vec<u8>) -> Result<(), Error> {
        // It does one thing after the other.
        let store = Store::new(Config { connections: NonZeroU32::MIN, ..config.into() });
        if store.url().scheme() == "memory" {
            return Err(Error::refused("a store in memory belongs to its process: there is nothing to see of it here"));
        }
        let hold = store.hold().await?;
        let done = self.act(&store.operator(), out).await;
        hold.release().await;
        done
    }

    async fn act(self, operator: &Operator, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Queues(format) => shown::queues(&operator.queues().await?, format.json, out),
            Self::List { queue, state, before, limit, format } => {
                let selection = Selection { queue, state, before, limit, ..Selection::new() };
                shown::jobs(&operator.list(&selection).await?, format.json, out);
            }
            Self::Show { id, payload, format } => {
                let job = operator.job(id).await?;
                shown::job(&job.ok_or_else(|| missing(id))?, payload, format.json, out);
            }
            Self::Retry(which) => {
                let mut jobs = 0;
                for selection in which.selections() {
                    jobs += operator.retry(&selection).await?;
                }
                shown::line(out, format_args!("{jobs} jobs can be begun now"));
            }
            Self::Cancel(which) => {
                let mut jobs = 0;
                for selection in which.selections() {
                    jobs += operator.cancel(&selection).await?;
                }
                shown::line(
                    out,
                    format_args!("{jobs} jobs are cancelled, or will be as soon as their process sees it"),
                );
            }
            Self::Purge(which) => {
                let mut jobs = 0;
                for selection in which.selections() {
                    jobs += operator.purge(&selection).await?;
                }
                shown::line(out, format_args!("{jobs} jobs are deleted"));
            }
            Self::Pause { queue } => {
                let already = if operator.pause(&queue).await? { "" } else { " already" };
                shown::line(out, format_args!("`{queue}` is paused{already}"));
            }
            Self::Resume { queue } => {
                let already = if operator.resume(&queue).await? { "" } else { ": it was not paused" };
                shown::line(out, format_args!("`{queue}` goes on{already}"));
            }
        }
        Ok(())
    }
}

impl Which {
    /// Returns the selections that it stands for.
    fn selections(self) -> Vec<Selection> {
        let all = Selection { queue: self.queue, state: self.state, ..Selection::new() };
        if self.ids.is_empty() {
            return vec![all];
        }
        self.ids.into_iter().map(|id| all.clone().id(id)).collect()
    }
}

fn missing(id: JobId) -> Error {
    Error::refused(format!("there is no job {id}, or not any more"))
}
