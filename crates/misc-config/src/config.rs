//! The settings of a program.

use misc_core::{Exit, schema::Describe};
use serde::de::DeserializeOwned;

use crate::{loader::Loader, validate::Validate};

/// The settings of a program: what `#[derive(Config)]` makes of a struct.
///
/// By hand it is an implementation of [`Describe`] with the tables of [`schema`](misc_core::schema), and an empty one of
/// [`Validate`]:
///
/// ```
/// use misc_config::{Config, Validate, schema::{Describe, Field, Kind, Schema}};
///
/// #[derive(serde::Deserialize)]
/// struct AppConfig {
///     port: u16,
/// }
///
/// impl Describe for AppConfig {
///     const KIND: Kind = Kind::Struct(&Schema::new(
///         "The settings of the shop.",
///         &[Field::new("port", &u16::KIND).docs("The port to listen on.").default("8000").short('p')],
///     ));
/// }
///
/// impl Validate for AppConfig {}
///
/// impl Config for AppConfig {
///     const PREFIX: &'static str = "APP";
/// }
///
/// let config = AppConfig::loader().env_from([("APP_PORT", "8001")]).load()?;
/// assert_eq!(config.port, 8001);
/// # Ok::<(), misc_config::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no configuration",
    note = "derive it: `#[derive(Debug, serde::Deserialize, misc_config::Config)]`"
)]
pub trait Config: Describe + DeserializeOwned + Validate + 'static {
    /// What the names of its environment variables begin with, without the `_` after it (nothing).
    const PREFIX: &'static str = "";

    /// The name of the program in `--help` and `--version`; the derive takes that of the package.
    const NAME: &'static str = "";

    /// The version of the program in `--version`; the derive takes that of the package.
    const VERSION: &'static str = "";

    /// Chooses where the settings come from.
    fn loader() -> Loader<Self> {
        Loader::new()
    }

    /// Loads the settings as most programs do: from environment variables, from `config.yaml` in the working directory if it
    /// is there, or from the files that `--config` or `<PREFIX>_CONFIG` name instead, and from the command line.
    ///
    /// Warnings are logged, or printed on standard error where no log is set up yet.
    ///
    /// # Errors
    /// An [`Exit`] for [`misc_core::main`], whose text lists everything that is wrong, with code 78; or, with code 0, what
    /// the user has asked for instead of a run, such as `--help`; or, with code 2, what is wrong with the command line.
    ///
    /// # Examples
    /// ```no_run
    /// # use misc_config::Config;
    /// # fn app<C>(_: C) -> misc_core::App { misc_core::App::new("shop") }
    /// #[derive(Debug, serde::Deserialize, Config)]
    /// #[config(env_prefix = "SHOP")]
    /// struct Settings {
    ///     /// The port to listen on.
    ///     #[config(default = 8000)]
    ///     port: u16,
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     misc_core::main(async || {
    ///         let settings = Settings::load()?;
    ///         Ok(app(settings))
    ///     })
    /// }
    /// ```
    fn load() -> Result<Self, Exit> {
        let loader = Self::loader().env().optional_file("config.yaml").cli();
        loader.load().map_err(Exit::from)
    }
}
