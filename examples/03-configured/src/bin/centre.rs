//! A small configuration centre: serves settings from a directory of files, and tells of changes.
//!
//! Run it with `cargo run --bin centre` in `examples/03-configured`, and ask it with
//! `curl -i http://127.0.0.1:8500/config/shop`. You see what is in `centre/shop.yaml`, as JSON, with its version as the
//! `ETag`. With `?after=VERSION` it answers once there is another version, or with 304 when nothing has changed for half
//! a minute.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use misc::{
    Address, App, Context, Service,
    config::{Config, Format, Layer},
    http::{
        Server,
        axum::{
            Router,
            extract::{Path as Segment, Query, State},
            http::{
                StatusCode,
                header::{CONTENT_TYPE, ETAG},
            },
            response::{IntoResponse, Response},
            routing::get,
        },
    },
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

/// How often a file is looked at while somebody waits for a change.
const EVERY: Duration = Duration::from_millis(200);

/// A small configuration centre.
#[derive(Debug, Deserialize, Config)]
struct Settings {
    /// Where to listen.
    #[config(default = "127.0.0.1:8500")]
    listen: Address,
    /// The directory of files, one for each service.
    #[config(default = "centre")]
    directory: PathBuf,
    /// How long an answer is held back while nothing has changed.
    #[config(default = "30s")]
    hold: Duration,
}

fn main() -> ExitCode {
    misc::main(async || {
        let log = misc::log::init(misc::log::Config::default())?;
        let settings = Settings::loader().cli().load()?;
        let http = async |ctx: Context| {
            let listen = settings.listen.clone();
            let centre = Arc::new(Centre { settings, ctx: ctx.clone() });
            let routes = Router::new().route("/config/{service}", get(answer)).with_state(centre);
            Server::new(listen, routes).run(ctx).await
        };
        Ok(App::new("centre").with(log).service("http", http))
    })
}

struct Centre {
    settings: Settings,
    ctx: Context,
}

#[derive(Deserialize)]
struct Asked {
    /// The version that is known already.
    after: Option<String>,
}

/// Settings as they are sent.
struct Document {
    json: String,
    version: String,
}

async fn answer(
    State(centre): State<Arc<Centre>>,
    Segment(service): Segment<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, (StatusCode, String)> {
    let until = Instant::now() + centre.settings.hold;
    loop {
        let document = centre.document(&service)?;
        if asked.after.as_ref() != Some(&document.version) {
            return Ok(document.into_response());
        }
        // Who waits does not hold up the end of the centre.
        if Instant::now() >= until || centre.ctx.until_stopping(sleep(EVERY)).await.is_none() {
            return Ok(StatusCode::NOT_MODIFIED.into_response());
        }
    }
}

impl Centre {
    /// Reads the file of a service anew.
    fn document(&self, service: &str) -> Result<Document, (StatusCode, String)> {
        let unknown = || (StatusCode::NOT_FOUND, format!("there are no settings of `{service}`"));
        // A name is no path: nobody is to see other files.
        if !service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(unknown());
        }
        let path = self.settings.directory.join(service).with_extension("yaml");
        match read(&path) {
            Ok(document) => Ok(document),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unknown()),
            Err(error) => {
                tracing::warn!(%error, service, "a file cannot be served");
                Err((StatusCode::INTERNAL_SERVER_ERROR, format!("the settings of `{service}` cannot be read")))
            }
        }
    }
}

fn read(path: &Path) -> io::Result<Document> {
    let text = std::fs::read_to_string(path)?;
    let layer = Layer::parse(path.display().to_string(), Format::Yaml, &text).map_err(io::Error::other)?;
    let json = layer.to_json().to_string();
    let mut hasher = DefaultHasher::new();
    json.hash(&mut hasher);
    let version = format!("{:016x}", hasher.finish());
    Ok(Document { json, version })
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        let head = [(CONTENT_TYPE, "application/json".to_owned()), (ETAG, format!("\"{}\"", self.version))];
        (head, self.json).into_response()
    }
}
