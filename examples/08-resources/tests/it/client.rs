//! The client of the bank: asked when there is a need, and missed without it.

use std::time::Duration;

use misc::test::{FaultProxy, TestApp};

use crate::support::{Directory, get, post, shop_with, start_bank, until};

/// Runs a shop whose bank is at an address.
async fn start_shop(directory: &Directory, bank: impl std::fmt::Display) -> TestApp {
    let db = format!("http: {{listen: '127.0.0.1:0'}}\ndb: {{url: '{}'}}", directory.url());
    TestApp::start(shop_with(&format!("{db}\nbank: {{url: 'http://{bank}', timeout: 100ms}}"))).await
}

async fn price(shop: &TestApp, query: &str) -> (u16, String) {
    get(shop, "http", &format!("/prices/coffee{query}")).await
}

#[tokio::test]
async fn a_handler_uses_both_resources() {
    let (directory, bank) = (Directory::new(), start_bank().await);
    let shop = start_shop(&directory, bank.address("bank").await).await;
    for (query, status, part) in [
        ("?currency=JPY", 200, r#"{"item":"coffee","price":"1040.00","currency":"JPY"}"#),
        ("?currency=XAU", 404, "the bank does not know the currency `XAU`"),
    ] {
        let (found, answer) = price(&shop, query).await;
        assert!(found == status && answer.contains(part), "{answer}");
    }
    shop.stop().await.assert_ok();
    bank.stop().await.assert_ok();
}

#[tokio::test]
async fn without_the_bank_there_are_prices_in_euros() {
    let (directory, bank) = (Directory::new(), start_bank().await);
    let shop = start_shop(&directory, bank.address("bank").await).await;
    post(&bank, "bank", "/bank", "off").await;
    let (status, answer) = price(&shop, "?currency=GBP").await;
    assert!(status == 503 && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert_eq!(price(&shop, "").await.0, 200);
    until(&shop, "/readyz?verbose", "[!]bank warning").await;
    assert_eq!(get(&shop, "http", "/readyz").await.0, 200, "it is a warning");
    shop.stop().await.assert_ok();
    bank.stop().await.assert_ok();
}

#[tokio::test]
async fn a_bank_that_hangs_holds_nobody_up() {
    let (directory, bank) = (Directory::new(), start_bank().await);
    let (proxy, faults) = FaultProxy::new(bank.address("bank").await);
    let proxy = TestApp::service(proxy).await;
    let shop = start_shop(&directory, faults.address()).await;
    assert_eq!(price(&shop, "?currency=GBP").await.0, 200);
    faults.delay(Duration::from_secs(60));
    assert_eq!(price(&shop, "?currency=GBP").await.0, 503);
    shop.stop().await.assert_ok();
    proxy.stop().await.assert_ok();
    bank.stop().await.assert_ok();
}
