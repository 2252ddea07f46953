//! One struct, every place that its values come from, and changes while the service runs.
//!
//! Run it with `cargo run -p configured`. You see it start with its defaults, and it tells what it runs with, but for
//! secrets:
//!
//! ```text
//! $ curl http://127.0.0.1:8000/
//! {"host":"0.0.0.0","port":8000,"debug":false,"database":{"url":"******","pool_size":10}}
//! ```
//!
//! Then end it, and go on in `examples/03-configured`, where `cargo run` finds a `config.yaml`. It goes over
//! variables, such as `APP_PORT=8001 cargo run`, and under the command line: `cargo run -- --port 9000`. With
//! `--explain-config` it says where each value comes from, with `--help` what else there is, and a file with mistakes,
//! `--config broken.yaml`, is refused with all of them. The README shows what it prints then.
//!
//! Change the file while it runs: `debug` and the database are new at once. For another address it must be started
//! again, and a file that is not valid changes nothing but the log. `kill -HUP` has everything read again.
//!
//! Several services have their settings in one place, a configuration centre. Run `cargo run --bin centre`, which
//! serves the files in `centre`, and beside it `CENTRE_URL=http://127.0.0.1:8500 cargo run`: a change of
//! `centre/shop.yaml` is followed at once, and without the centre it starts with what it was told last.

mod centre_source;
mod settings;

use std::process::ExitCode;

use misc::{
    App, BoxError, Context,
    config::{Changes, Config, Live},
    http::{
        Server,
        axum::{Json, Router, extract::State, routing::get},
    },
    log::LevelHandle,
};

use self::settings::{AppConfig, Centre};

fn main() -> ExitCode {
    misc::main(async || {
        let log = misc::log::init(misc::log::Config::default())?;
        let loader = AppConfig::loader().env().optional_file("config.yaml").cli();
        let (config, reloader) = match Centre::loader().env().load()?.source()? {
            Some(centre) => loader.source(centre).live().await?,
            None => loader.live()?,
        };
        let (level, changes) = (log.level(), config.changes());
        let server = Server::new(config.get().address(), routes(config));
        Ok(App::new("configured")
            .with(log)
            .with(reloader)
            .service("debug", async |ctx: Context| follow(ctx, level, changes).await)
            .service("http", server))
    })
}

fn routes(config: Live<AppConfig>) -> Router {
    // What is serialised has no secrets: they mask themselves.
    let show = async |State(config): State<Live<AppConfig>>| Json(AppConfig::clone(&config.get()));
    Router::new().route("/", get(show)).with_state(config)
}

/// Logs more while `debug` is on.
async fn follow(ctx: Context, level: LevelHandle, mut changes: Changes<AppConfig>) -> Result<(), BoxError> {
    let mut config = changes.latest();
    ctx.ready();
    loop {
        level.set(if config.debug { "debug" } else { "info" })?;
        match ctx.until_stopping(changes.next()).await {
            Some(changed) => config = changed,
            None => return Ok(()),
        }
    }
}
