//! The routes of the program.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use misc::{
    BoxError,
    http::{Inject, Problem, trace},
    metrics::Counter,
};

use crate::{
    ADDRESS,
    database::{Database, DatabaseTasks},
    live,
};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Counted {
    pub(crate) requests: Counter,
    pub(crate) database: Database,
    pub(crate) tasks: DatabaseTasks,
}

pub(crate) fn router(counted: Counted) -> Router {
    Router::new()
        .route("/hello", get(hello))
        .route("/relayed", get(relayed))
        .route("/database", post(switch))
        .route("/events", get(live::events))
        .route("/echo", get(live::echo))
        .with_state(counted)
}

async fn hello(State(counted): State<Counted>) -> &'static str {
    counted.requests.inc();
    "Hello, misc!"
}

async fn switch(State(counted): State<Counted>, which: String) -> String {
    let is_on = which == "on";
    counted.database.switch(is_on);
    // Whether it succeeds is seen in the status of the task.
    drop(counted.tasks.run_now("keep_alive").await);
    format!("The database is {}.", if is_on { "on" } else { "off" })
}

/// Asks another service, which gets the trace and the deadline of this request.
async fn relayed(Inject(client): Inject<Client>) -> Result<String, Problem> {
    let answer = client.get(&format!("http://{ADDRESS}/hello")).await.map_err(Problem::internal)?;
    Ok(format!("Relayed: {answer}"))
}

/// An HTTP client.
#[derive(Clone)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn open(connect_timeout: Duration) -> Ready<reqwest::Result<Self>> {
        ready(reqwest::Client::builder().connect_timeout(connect_timeout).build().map(Self))
    }

    async fn get(&self, url: &str) -> Result<String, BoxError> {
        let mut request = self.0.get(url).build()?;
        trace::inject(request.headers_mut());
        Ok(self.0.execute(request).await?.error_for_status()?.text().await?)
    }
}
