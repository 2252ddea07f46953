//! Where settings come from, step by step.

mod load;

use std::{ffi::OsString, fmt, marker::PhantomData, path::PathBuf, sync::Arc, time::Duration};

use clap::Command;

pub(crate) use self::load::Asked;
use self::load::program;
use crate::{
    builtin::Builtin,
    config::Config,
    environment::Environment,
    error::Error,
    explain::Explanation,
    layer::Layer,
    live::{self, Live, Reloader},
    place::Place,
    plan::{FileOf, Plan, Settled},
    source::{DynSource, Source},
    validate::Invalid,
};

/// A loader that asks only places on this machine.
#[derive(Debug)]
#[non_exhaustive]
pub struct Local;

/// A loader that also asks sources, and is awaited.
#[derive(Debug)]
#[non_exhaustive]
pub struct Remote;

/// How long one source may take.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(10);

type Rule<T> = Arc<dyn Fn(&T) -> Result<(), Invalid> + Send + Sync>;

/// Loads settings from the places that it is told; the result depends on their [precedence](Self::precedence), not on the order
/// in which they are named.
///
/// # Examples
/// ```
/// use misc_config::Config;
///
/// #[derive(Debug, serde::Deserialize, Config)]
/// #[config(env_prefix = "APP")]
/// struct AppConfig {
///     /// The port to listen on.
///     #[config(default = 8000, short = 'p')]
///     port: u16,
/// }
///
/// let loader = AppConfig::loader().env_from([("APP_PORT", "8001")]).cli_from(["shop", "-p", "9000"]);
/// assert_eq!(loader.load()?.port, 9000);
/// # Ok::<(), misc_config::Error>(())
/// ```
#[must_use = "a loader does nothing until it is told to load"]
pub struct Loader<T, S = Local> {
    pub(crate) plan: Plan,
    sources: Vec<Arc<dyn DynSource>>,
    source_timeout: Duration,
    rules: Vec<Rule<T>>,
    marker: PhantomData<fn() -> S>,
}

impl<T: Config> Loader<T> {
    /// Creates a loader that knows no place yet.
    pub fn new() -> Self {
        let plan = Plan::of::<T>();
        Self { plan, sources: Vec::new(), source_timeout: SOURCE_TIMEOUT, rules: Vec::new(), marker: PhantomData }
    }
}

impl<T: Config> Default for Loader<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Config, S> Loader<T, S> {
    /// Reads the variables of the process.
    ///
    /// A variable is called after the path of its key: with the prefix `APP`, `database.pool_size` is
    /// `APP_DATABASE_POOL_SIZE`. `APP_DATABASE_POOL_SIZE_FILE` names a file that has the value instead, unless it is the variable
    /// of another key. An empty variable counts as unset, a list is separated by commas or written as JSON, a map is JSON. One
    /// that starts with the prefix and belongs to no key is a warning.
    pub fn env(mut self) -> Self {
        self.environment().given = None;
        self
    }

    /// Reads these variables instead of those of the process: for tests.
    pub fn env_from<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let given = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.environment().given = Some(given.collect());
        self
    }

    /// Sets what the names of variables begin with, without the `_` after it ([`Config::PREFIX`]): one struct for several
    /// services. One that has small letters is spelt as the names of keys are: `shop-a` is `SHOP_A`.
    pub fn env_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.plan.prefix = prefix.into();
        self
    }

    /// Reads variables from a file, such as `.env`, if it is there; those that are really set count for more.
    pub fn dotenv(mut self, path: impl Into<PathBuf>) -> Self {
        self.environment().dotenv.push(path.into());
        self
    }

    /// Takes each file of a directory as the value of the key that it is called after, by its variable, in capitals or small
    /// letters and with or without the prefix, or by its path, if the directory is there: `/run/secrets`, or what
    /// `$CREDENTIALS_DIRECTORY` names. Variables that are set count for more, a `.env` file for less.
    pub fn secrets_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.environment().secrets.push(path.into());
        self
    }

    /// Reads a file, which must be there: YAML, JSON or TOML by its name. A later one goes over an earlier one, key by key.
    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        self.add_file(path.into(), true)
    }

    /// Reads a file if it is there, and if the user does not name others with `--config` or `<PREFIX>_CONFIG`.
    pub fn optional_file(self, path: impl Into<PathBuf>) -> Self {
        self.add_file(path.into(), false)
    }

    /// Chooses a profile, unless the user chooses one with `--profile` or `<PREFIX>_PROFILE`: with `prod`,
    /// `config.prod.yaml` goes over `config.yaml`.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.plan.profile = Some(name.into());
        self
    }

    /// Adds a layer that is at hand, in the place of a [`Source`].
    pub fn layer(mut self, layer: Layer) -> Self {
        self.plan.layers.push(layer);
        self
    }

    /// Adds a source; from now on [`load`](Loader::load) is awaited. A later one goes over an earlier one.
    pub fn source(mut self, source: impl Source) -> Loader<T, Remote> {
        self.sources.push(Arc::new(source));
        self.in_state()
    }

    /// Reads the command line of the process: a flag for each key, and those of [`Builtin`].
    pub fn cli(self) -> Self {
        self.cli_from(std::env::args_os())
    }

    /// Reads this command line, whose first part is the name of the program: for tests.
    pub fn cli_from<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        let mut args = args.into_iter().map(Into::into);
        self.plan.cli.program = args.next().as_deref().and_then(program);
        self.plan.args = Some(args.collect());
        self
    }

    /// Leaves a built-in flag out of the command line.
    pub fn without(mut self, flag: Builtin) -> Self {
        self.plan.cli.off.push(flag);
        self
    }

    /// Sets which place counts for more, the highest first (`[Cli, Source, File, Env]`). A place that is not listed is lowest;
    /// defaults are below all of them.
    ///
    /// Many programs put variables over files, as the twelve factors have it:
    /// `.precedence([Place::Cli, Place::Env, Place::Source, Place::File])`.
    pub fn precedence(mut self, places: impl IntoIterator<Item = Place>) -> Self {
        self.plan.precedence = places.into_iter().collect();
        self
    }

    /// Adds a rule that settings must keep, beside those of [`Validate`](crate::Validate).
    pub fn validate(mut self, rule: impl Fn(&T) -> Result<(), Invalid> + Send + Sync + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// Sets how large a file may be, in bytes (1 MiB).
    pub fn file_limit(mut self, bytes: usize) -> Self {
        self.plan.limits.bytes = bytes;
        self
    }

    /// Makes the command of clap that the command line is read with: for completions and manuals.
    ///
    /// # Errors
    /// When two flags have one name.
    pub fn command(&self) -> Result<Command, Error> {
        self.plan.cli.command(&*self.plan.keys()?).map_err(Error::invalid)
    }

    fn environment(&mut self) -> &mut Environment {
        self.plan.environment.get_or_insert_default()
    }

    fn add_file(mut self, path: PathBuf, required: bool) -> Self {
        self.plan.files.push(FileOf { path, required });
        self
    }
}

impl<T: Config> Loader<T> {
    /// Loads the settings.
    ///
    /// # Errors
    /// [`Error`], with everything that is wrong, or with what the user has asked for instead of a run.
    pub fn load(self) -> Result<T, Error> {
        let asked = self.ask()?;
        Ok(self.finish(&asked, &[])?.0)
    }

    /// Loads the settings, with the origin of each.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_explained(self) -> Result<(T, Explanation), Error> {
        let asked = self.ask()?;
        self.finish(&asked, &[]).map(|(value, settled)| (value, settled.explain()))
    }

    /// Loads the settings, and the program's own arguments and subcommands from the same command line.
    ///
    /// The flags of settings may follow a subcommand, too, unless one has the same flag for itself; there, a value counts
    /// for more than one before it. What ends the program, such as `--check-config`, needs no argument of the program's own.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when a flag of the program has a name that is taken.
    ///
    /// # Examples
    /// ```
    /// use misc_config::Config;
    ///
    /// #[derive(Debug, serde::Deserialize, Config)]
    /// struct Settings {
    ///     /// The port to listen on.
    ///     #[config(default = 8000)]
    ///     port: u16,
    /// }
    ///
    /// #[derive(Debug, clap::Args)]
    /// struct Args {
    ///     /// Only shows what would be done.
    ///     #[arg(long)]
    ///     dry_run: bool,
    /// }
    ///
    /// let loader = Settings::loader().cli_from(["shop", "--dry-run", "--port", "9000"]);
    /// let (settings, args) = loader.load_with::<Args>()?;
    /// assert!(settings.port == 9000 && args.dry_run);
    /// # Ok::<(), misc_config::Error>(())
    /// ```
    pub fn load_with<A: clap::Args>(self) -> Result<(T, A), Error> {
        let loader = self.with_args(A::augment_args);
        let asked = loader.ask()?;
        let (value, _) = loader.finish(&asked, &[])?;
        Ok((value, asked.args()?))
    }

    /// Loads the settings, and keeps them up to date while the app runs: see [`Live`].
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn live(self) -> Result<(Live<T>, Reloader<T>), Error>
    where
        T: Send + Sync,
    {
        let asked = self.ask()?;
        let (value, settled) = self.finish(&asked, &[])?;
        Ok(live::start(self.forget_state(), asked, value, settled))
    }

    /// Loads [`live`](Self::live) settings, and the program's own arguments as [`load_with`](Self::load_with) does.
    ///
    /// # Errors
    /// As [`load_with`](Self::load_with).
    pub fn live_with<A: clap::Args>(self) -> Result<(Live<T>, Reloader<T>, A), Error>
    where
        T: Send + Sync,
    {
        let loader = self.with_args(A::augment_args);
        let asked = loader.ask()?;
        let (value, settled) = loader.finish(&asked, &[])?;
        let args = asked.args()?;
        let (live, reloader) = live::start(loader.forget_state(), asked, value, settled);
        Ok((live, reloader, args))
    }
}

impl<T: Config> Loader<T, Remote> {
    /// Loads the settings, sources included.
    ///
    /// # Errors
    /// [`Error`], with everything that is wrong, or with what the user has asked for instead of a run; also when a source
    /// cannot be asked, or takes longer than [`source_timeout`](Self::source_timeout).
    ///
    /// # Cancel safety
    /// Strict, as far as the sources are.
    pub async fn load(self) -> Result<T, Error> {
        let (_, value, _) = self.load_remote().await?;
        Ok(value)
    }

    /// Loads the settings, with the origin of each.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    pub async fn load_explained(self) -> Result<(T, Explanation), Error> {
        let (_, value, settled) = self.load_remote().await?;
        Ok((value, settled.explain()))
    }

    /// Loads the settings, and the program's own arguments and subcommands from the same command line.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when a flag of the program has a name that is taken.
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    pub async fn load_with<A: clap::Args>(self) -> Result<(T, A), Error> {
        let (asked, value, _) = self.with_args(A::augment_args).load_remote().await?;
        Ok((value, asked.args()?))
    }

    /// Loads the settings, and keeps them up to date while the app runs: see [`Live`].
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    pub async fn live(self) -> Result<(Live<T>, Reloader<T>), Error>
    where
        T: Send + Sync,
    {
        let (asked, value, settled) = self.load_remote().await?;
        Ok(live::start(self.forget_state(), asked, value, settled))
    }

    /// Loads [`live`](Self::live) settings, and the program's own arguments as [`load_with`](Self::load_with) does.
    ///
    /// # Errors
    /// As [`load_with`](Self::load_with).
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    pub async fn live_with<A: clap::Args>(self) -> Result<(Live<T>, Reloader<T>, A), Error>
    where
        T: Send + Sync,
    {
        let loader = self.with_args(A::augment_args);
        let (asked, value, settled) = loader.load_remote().await?;
        let args = asked.args()?;
        let (live, reloader) = live::start(loader.forget_state(), asked, value, settled);
        Ok((live, reloader, args))
    }

    /// Sets how long one source may take (10 s).
    pub fn source_timeout(mut self, limit: Duration) -> Self {
        self.source_timeout = limit;
        self
    }

    async fn load_remote(&self) -> Result<(Asked, T, Settled), Error> {
        let asked = self.ask()?;
        let fetched = self.fetch().await?;
        let (value, settled) = self.finish(&asked, &fetched)?;
        Ok((asked, value, settled))
    }
}
impl<T, S> fmt::Debug for Loader<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("prefix", &self.plan.prefix)
            .field("files", &self.plan.files)
            .finish_non_exhaustive()
    }
}
