//! The configuration centre, as a source of settings.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use misc::{
    BoxError,
    config::{Format, Layer, Source},
};
use reqwest::{Client, StatusCode, header::ETAG};
use tokio::time::sleep;

/// Longer than the centre holds back an answer while nothing has changed.
const LONG_POLL: Duration = Duration::from_secs(40);
/// How long to wait before a centre that is away is asked again, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Asks the centre for the settings of one service, and waits there for changes.
#[derive(Debug)]
pub(crate) struct CentreSource {
    client: Client,
    url: String,
    timeout: Duration,
    /// What the centre has said last, whether it was any good or not.
    version: Mutex<Option<String>>,
}

impl CentreSource {
    pub(crate) fn new(centre: &str, service: &str, timeout: Duration) -> Result<Self, BoxError> {
        // The centre is on the network of the service, behind no proxy.
        let client = Client::builder().no_proxy().connect_timeout(timeout).build()?;
        let url = format!("{}/config/{service}", centre.trim_end_matches('/'));
        Ok(Self { client, url, timeout, version: Mutex::default() })
    }

    fn version(&self) -> Option<String> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, version: Option<String>) {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }

    /// Waits at the centre for another version; returns whether there is one.
    async fn poll(&self) -> Result<bool, reqwest::Error> {
        let url = match self.version() {
            Some(version) => format!("{}?after={version}", self.url),
            None => self.url.clone(),
        };
        let answer = self.client.get(url).timeout(LONG_POLL).send().await?.error_for_status()?;
        Ok(answer.status() != StatusCode::NOT_MODIFIED)
    }
}

impl Source for CentreSource {
    async fn load(&self) -> Result<Layer, BoxError> {
        let answer = self.client.get(&self.url).timeout(self.timeout).send().await?.error_for_status()?;
        let version = answer.headers().get(ETAG).and_then(|version| version.to_str().ok());
        let version = version.map(|version| version.trim_matches('"').to_owned());
        let text = answer.text().await?;
        self.remember(version);
        Ok(Layer::parse(&*self.url, Format::Json, &text)?)
    }

    async fn changed(&self) {
        let (mut pause, longest) = BACKOFF;
        loop {
            match self.poll().await {
                Ok(true) => return,
                Ok(false) => pause = BACKOFF.0,
                Err(error) => {
                    tracing::debug!(%error, "the centre is away");
                    sleep(pause).await;
                    pause = longest.min(pause * 2);
                }
            }
        }
    }
}
