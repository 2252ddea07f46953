//! The pool: when it is there, how many connections it has, and what becomes of who gets none.

use misc::test::TestApp;

use crate::support::{Directory, get, post, shop_with, start_shop, until};

#[tokio::test]
async fn it_is_opened_before_and_closed_after_who_uses_it() {
    let directory = Directory::new();
    let shop = start_shop(&directory, "").await;
    assert_eq!(get(&shop, "http", "/prices/tea").await.0, 200);
    let ended = shop.stop().await;
    ended.assert_clean().await;
    ended.phases().assert_order(["db ready", "http starting", "http stopped", "db stopping", "db stopped"]);
}

#[tokio::test]
async fn what_cannot_be_opened_is_the_end_of_the_start() {
    let directory = Directory::new();
    let url = directory.url().replace("prices.db", "missing/prices.db");
    let shop = shop_with(&format!("http: {{listen: '127.0.0.1:0'}}\ndb: {{url: '{url}'}}"));
    let ended = TestApp::launch(shop).ended().await;
    assert_eq!(ended.exit_code(), 1);
    let report = ended.report().to_string();
    assert!(report.contains(&format!("cannot open the database {url}")), "{report}");
    assert!(report.contains("unable to open database file"), "{report}");
    assert!(!ended.phases().lines().contains(&"http starting".to_owned()));
}

#[tokio::test]
async fn who_gets_no_connection_is_told_to_come_back() {
    let directory = Directory::new();
    let shop = start_shop(&directory, "max: 2, acquire_timeout: 50ms").await;
    assert_eq!(post(&shop, "http", "/held", "2").await.0, 200);
    let (status, answer) = get(&shop, "http", "/prices/tea").await;
    assert_eq!(status, 503);
    assert!(answer.contains("\r\nretry-after: 1\r\n") && answer.contains("the shop is busy"), "{answer}");
    assert_eq!(get(&shop, "http", "/readyz").await.0, 200, "load is no illness");

    assert_eq!(post(&shop, "http", "/held", "1").await.0, 200);
    assert_eq!(get(&shop, "http", "/prices/tea").await.0, 200);
    // One is still held: the pool waits for it when it closes, and whoever has it lets go before that.
    shop.stop().await.assert_clean().await;
}

#[tokio::test]
async fn it_has_as_many_connections_as_the_settings_say() {
    let directory = Directory::new();
    let shop = start_shop(&directory, "min: 2, max: 3, idle: 100ms, acquire_timeout: 50ms").await;
    let connections = async |count: u32| until(&shop, "/metrics", &format!("\nshop_db_connections {count}\n")).await;
    connections(2).await;
    post(&shop, "http", "/held", "3").await;
    connections(3).await;
    until(&shop, "/metrics", "\nshop_db_connections_idle 0\n").await;
    assert_eq!(post(&shop, "http", "/held", "4").await.0, 503, "there are no more than 3");
    // Nobody uses them any more, so they are closed, but for two.
    until(&shop, "/metrics", "\nshop_db_connections_idle 2\n").await;
    connections(2).await;
    shop.stop().await.assert_clean().await;
}

#[tokio::test]
async fn it_is_ill_when_its_file_is_no_database_any_more() {
    let directory = Directory::new();
    let shop = start_shop(&directory, "").await;
    assert_eq!(get(&shop, "http", "/readyz").await.0, 200);
    std::fs::write(directory.url().trim_start_matches("sqlite://"), "not a database".repeat(1000)).expect("a file");
    until(&shop, "/readyz?verbose", "[-]db failed").await;
    assert_eq!(get(&shop, "http", "/prices/tea").await.0, 500);
    shop.stop().await.assert_clean().await;
}
