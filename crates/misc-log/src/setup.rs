//! Setting up a log: for the process, or for a part of it.

use std::{env, sync::Arc};

use tracing::{Dispatch, dispatcher, subscriber::NoSubscriber};
use tracing_log::{LogTracer, log::LevelFilter};
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, reload};

use crate::{
    config::{self, Color, Config, Format},
    error::{Error, Kind},
    filter::{Filter, LevelHandle},
    layer::LogLayer,
    log::Log,
    output::Output,
    panic,
    repeats::Repeats,
    style::Style,
    writer::Writer,
};

/// Sets up the log of the process; the same as [`Setup::new`] and [`Setup::init`].
///
/// # Errors
/// As [`Setup::init`].
pub fn init(config: Config) -> Result<Log, Error> {
    Setup::new(config).init()
}

/// A log that is being set up.
///
/// # Examples
/// ```
/// use misc_log::{Config, Setup};
///
/// # fn main() -> Result<(), misc_log::Error> {
/// // For a test, or for one of two apps in a process: nothing global is touched.
/// let (dispatch, log) = Setup::new(Config::default()).build()?;
/// tracing::dispatcher::with_default(&dispatch, || tracing::info!(answer = 42, "hello"));
/// assert_eq!(log.dropped(), 0);
/// # Ok(()) }
/// ```
#[must_use = "a setup does nothing until `init` or `build` is called"]
pub struct Setup {
    config: Config,
    layers: Vec<BoxedLayer>,
}

const LOGGER: &str = "a logger of the `log` crate";

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

impl Setup {
    /// Begins to set up a log.
    pub fn new(config: Config) -> Self {
        Self { config, layers: Vec::new() }
    }

    /// Adds a layer beside the log's own, such as that of tokio-console or sentry.
    ///
    /// It sees everything, whatever the log's filter says, so give it a filter of its own
    /// ([`Layer::with_filter`]); without one it has all spans and events made, down to the last trace.
    pub fn layer(mut self, layer: impl Layer<Registry> + Send + Sync) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Sets up the log of the process: the tracing subscriber, the logger of the `log` crate, and, as configured, the
    /// panic hook.
    ///
    /// # Errors
    /// A filter that is wrong, an output that cannot be opened; or a process that has a subscriber or a logger already.
    /// Nothing is installed then.
    pub fn init(self) -> Result<Log, Error> {
        let panic_hook = self.config.panic_hook;
        // Asked before a file is made.
        if !dispatcher::get_default(Dispatch::is::<NoSubscriber>) {
            return Err(Kind::Taken("a tracing subscriber").into());
        }
        let (dispatch, log) = self.build()?;
        LogTracer::init().map_err(|_| Kind::Taken(LOGGER))?;
        dispatcher::set_global_default(dispatch).map_err(|_| {
            // Only when somebody else has come between: a logger cannot be taken back, but made silent.
            tracing_log::log::set_max_level(LevelFilter::Off);
            Kind::Taken("a tracing subscriber")
        })?;
        log.level.bridge();
        if panic_hook {
            panic::install();
        }
        Ok(log)
    }

    /// Sets up a log without touching anything global: use the dispatch with [`tracing::dispatcher::with_default`], on
    /// each thread that shall log to it.
    ///
    /// Within such a scope, tracing leaves out what a value logs while it is being logged itself.
    ///
    /// # Errors
    /// A filter that is wrong, or an output that cannot be opened.
    pub fn build(self) -> Result<(Dispatch, Log), Error> {
        let Self { config, mut layers } = self;
        let filter = Filter::choose(config.filter.as_deref())?;
        #[cfg(feature = "otel")]
        let export = match config.otel.as_ref().map(crate::otel::Export::start).transpose()? {
            Some((export, layer)) => {
                layers.push(layer);
                Some(export)
            }
            None => None,
        };
        // Last of what may fail for its settings, since it may make a file.
        let output = Output::open(&config.output)?;
        let style = style(&config, &output);
        let writer = Writer::start(output, config.buffer.get(), config.overflow, style).map_err(Kind::Thread)?;
        #[cfg(feature = "otel")]
        if let Some(export) = &export {
            export.report_to(&writer);
        }
        let (env, reload) = reload::Layer::new(filter.env);
        let repeats = config.repeat_limit.map(|limit| Arc::new(Repeats::new(limit)));
        let layer = LogLayer { style, spans: config.spans, repeats: repeats.clone(), writer: Arc::clone(&writer) };
        let registry = tracing_subscriber::registry();
        let dispatch = if layers.is_empty() {
            // A filter of one layer among others is asked at each step of a span; one for all is not.
            Dispatch::new(registry.with(env).with(layer))
        } else {
            layers.push(Box::new(layer.with_filter(env)));
            Dispatch::new(registry.with(layers))
        };
        let log = Log {
            level: LevelHandle::new(reload, &dispatch, filter.text),
            style,
            repeats,
            writer,
            is_stderr: config.output == config::Output::Stderr,
            #[cfg(feature = "otel")]
            export,
        };
        Ok((dispatch, log))
    }
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("config", &self.config).field("layers", &self.layers.len()).finish()
    }
}

fn style(config: &Config, output: &Output) -> Style {
    let format = match config.format {
        Format::Auto if output.is_journal() => Format::Journald,
        Format::Auto if output.is_terminal() => Format::Pretty,
        format => format,
    };
    let no_color = || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = match config.color {
        Color::Auto => output.is_terminal() && !no_color(),
        Color::Always => true,
        Color::Never => false,
    };
    Style::new(format, color)
}
