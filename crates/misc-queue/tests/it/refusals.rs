//! Settings that cannot work are refused before anything starts.

use misc_core::App;
use misc_queue::{Config, Overflow, Payload, Store, Url};
use misc_test::TestApp;
use serde::{Deserialize, Serialize};

use crate::place::Number;

/// Returns what is said of a store with these settings.
async fn refused(config: impl Into<Config>) -> String {
    let (_, worker) = misc_queue::open::<Number>(config).handler(async |_| Ok::<_, misc_core::BoxError>(()));
    TestApp::launch(App::new("test").service("worker", worker)).ended().await.report().to_string()
}

#[tokio::test]
async fn an_engine_that_is_not_there() {
    let report = refused("mysql://root:secret@localhost/queue").await;
    assert!(report.contains("no store can be at `mysql://***@localhost/queue`"), "{report}");
    assert!(report.contains("`sqlite://`, `postgres://` or `memory://`") && !report.contains("secret"), "{report}");
}

#[tokio::test]
async fn a_prefix_that_is_no_name() {
    let mut config = Config::from("sqlite://queue.db");
    config.prefix = "jobs; DROP TABLE orders".to_owned();
    let report = refused(config).await;
    assert!(report.contains("`jobs; DROP TABLE orders` cannot begin the names of tables"), "{report}");
}

#[tokio::test]
async fn several_at_once() {
    let mut config = Config::from("sqlite://queue.db");
    (config.lease, config.overflow) = (std::time::Duration::ZERO, Overflow::Wait);
    let report = refused(config).await;
    assert!(
        report.contains("`lease` of the store sqlite://queue.db is zero") && report.contains("`overflow`"),
        "{report}"
    );
}

#[derive(Serialize, Deserialize)]
struct Nameless;

impl Payload for Nameless {
    const KIND: &'static str = "what is this?";
}

#[tokio::test]
async fn a_kind_that_names_no_queue() {
    let (_, worker) = Store::new("memory://").queue::<Nameless>().handler(async |_| Ok::<_, misc_core::BoxError>(()));
    let report = TestApp::launch(App::new("test").service("worker", worker)).ended().await.report().to_string();
    assert!(report.contains("the kind `what is this?` names no queue"), "{report}");
}

#[test]
fn a_url_never_shows_its_secrets() {
    for (url, shown) in [
        ("postgres://shop:p@ss/word@db:5432/shop?password=x", "postgres://***@db:5432/shop?***"),
        ("postgres://shop:what?@db/shop", "postgres://***"),
        ("postgres://db/shop?user=app@srv&password=hunter2", "postgres://***"),
        ("postgres://shop@db/shop?password=p@ss", "postgres://***"),
        ("postgres://db/shop", "postgres://db/shop"),
        ("sqlite://data/queue.db", "sqlite://data/queue.db"),
    ] {
        let url = Url::from(url);
        assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), format!("\"{shown}\"")));
        assert_eq!(serde_json::to_string(&url).expect("text"), format!("\"{shown}\""));
    }
}
