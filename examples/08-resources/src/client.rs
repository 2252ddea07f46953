//! The client of the bank.

use misc::{BoxError, Resource, http::trace};
use reqwest::{Client, Response, StatusCode};

use crate::settings::BankConfig;

/// Asks the bank. Cheap to clone: all clones share their connections.
#[derive(Clone)]
pub(crate) struct Bank {
    client: Client,
    url: String,
}

impl Bank {
    #[expect(clippy::unused_async, reason = "a resource is opened by an async function")]
    pub(crate) async fn open(config: BankConfig) -> reqwest::Result<Self> {
        let client = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.timeout)
            .pool_max_idle_per_host(config.max_idle.get())
            .pool_idle_timeout(config.idle)
            .build()?;
        Ok(Self { client, url: config.url })
    }

    /// Returns what a euro is in another currency, if the bank knows that.
    pub(crate) async fn rate(&self, currency: &str) -> Result<Option<f64>, BoxError> {
        let answer = self.ask(&format!("/rates/{currency}")).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(answer.error_for_status()?.text().await?.parse()?))
    }

    /// Asks whether the bank answers.
    pub(crate) async fn ping(bank: Resource<Self>) -> Result<(), BoxError> {
        bank.get().await?.ask("/rates/EUR").await?.error_for_status()?;
        Ok(())
    }

    /// Asks with the trace and the deadline of the request that is under way.
    async fn ask(&self, path: &str) -> reqwest::Result<Response> {
        let mut request = self.client.get(format!("{}{path}", self.url)).build()?;
        trace::inject(request.headers_mut());
        self.client.execute(request).await
    }
}
