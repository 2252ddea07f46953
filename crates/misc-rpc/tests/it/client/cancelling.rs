//! What becomes of a call that nobody waits for any more.

use std::{future::pending, sync::Arc};

use misc_core::Deadline;
use misc_rpc::{Client, Error, Methods, Never, Server};
use tokio::{select, sync::Notify, time::Duration};

use super::support::Backend;

/// Tells when a handler has begun, and when it was dropped.
#[derive(Clone, Default)]
struct Watch {
    begun: Arc<Notify>,
    dropped: Arc<Notify>,
}

struct Guard(Arc<Notify>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Watch {
    fn server(&self) -> Server {
        let methods = Methods::new()
            .method_with("wait", self.clone(), async |watch: Self, ()| {
                let _guard = Guard(watch.dropped);
                watch.begun.notify_one();
                pending::<Result<u64, Never>>().await
            })
            .method("ping", async |()| Ok::<_, Never>(1));
        Server::new(methods).expect("valid")
    }

    /// Drops a call once its handler has begun, and waits until that is dropped, too.
    async fn check(&self, client: &Client) {
        select! {
            _ = wait(client) => panic!("nobody answers"),
            () = self.begun.notified() => {}
        }
        self.dropped.notified().await;
    }
}

async fn wait(client: &Client) -> Result<u64, Error> {
    client.method("wait").call(&()).await
}

#[tokio::test]
async fn a_dropped_call_drops_the_handler_in_process() {
    let watch = Watch::default();
    watch.check(&Client::over(watch.server())).await;
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection_and_drops_the_handler() {
    let watch = Watch::default();
    let backend = Backend::start(watch.server()).await;
    let client = Client::builder(backend.url()).build().expect("valid");
    watch.check(&client).await;
    let _: u64 = client.method("ping").call::<_, Never, _>(&()).await.expect("the next call");
    assert_eq!(backend.connections(), 2);
}

#[tokio::test]
async fn a_dropped_call_over_http2_resets_its_stream_and_drops_the_handler() {
    let watch = Watch::default();
    let backend = Backend::start(watch.server()).await;
    let client = Client::builder(backend.url()).http2().build().expect("valid");
    watch.check(&client).await;
    let _: u64 = client.method("ping").call::<_, Never, _>(&()).await.expect("the next call");
    // The connection is still good.
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn a_late_call_drops_the_handler() {
    for http2 in [false, true] {
        let watch = Watch::default();
        let backend = Backend::start(watch.server().trust_clients(false)).await;
        let builder = Client::builder(backend.url());
        let builder = if http2 { builder.http2() } else { builder };
        let client: Client = builder.build().expect("valid");
        let error = Deadline::within(Duration::from_millis(50)).scope(wait(&client)).await.expect_err("late");
        assert!(error.is_timeout());
        // It is late where it is called from, since the server does not look.
        assert_eq!(error.code(), None);
        watch.dropped.notified().await;
    }
}

#[tokio::test]
async fn a_call_that_is_not_polled_is_not_made() {
    let watch = Watch::default();
    let backend = Backend::start(watch.server()).await;
    let client = Client::builder(backend.url()).build().expect("valid");
    let method = client.method("ping");
    drop(method.call::<u64, Never, _>(&()));
    let _: u64 = method.call::<_, Never, _>(&()).await.expect("an answer");
    assert_eq!(backend.connections(), 1);
}
