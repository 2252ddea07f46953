//! An order service under test, whose users are made up, and who asks it.

use std::time::Duration;

use contract::{OrderCreated, User, UserError, UsersClient, UsersMock};
use misc::{
    App,
    http::Server,
    metrics::Registry,
    queue::{self, Opening},
    resilience::Policy,
    resource,
    test::TestApp,
};
use order_service::{Mailer, Notifier, Orders, Shop, notify, routes};
use sqlx::AnyPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};

use crate::place::Place;

/// How long what happens soon may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Only Ada has an account.
pub(crate) fn users() -> UsersClient {
    let users = UsersMock::new().get_user(|id| match id {
        1 => Ok(User { id, name: "Ada Lovelace".into(), email: "ada@example.org".into() }),
        _ => Err(UserError::NotFound { id }),
    });
    users.client()
}

/// Runs the service.
pub(crate) async fn start(place: &Place, users: UsersClient, policy: Policy, mailer: impl Mailer) -> TestApp {
    let mut config = queue::Config::from(place.url());
    config.work.initial_delay = Duration::from_millis(20);
    let jobs: Opening<OrderCreated> = queue::open(config);
    let (db, db_service) = resource(place.url().into(), order_service::open).on_close(AnyPool::close);
    let (created, worker) = jobs.handler_with(Notifier::new(db.clone(), mailer), notify);
    let taken = Registry::new("test").counter("orders_total", "Orders taken.").expect("a name");
    let routes = routes(Shop { users, policy, orders: Orders::new(db, created), taken });
    let app = App::new("order-service")
        .service("db", db_service)
        .service("notifications", worker)
        .service("http", Server::new("127.0.0.1:0", routes));
    TestApp::start(app).await
}

/// Orders something; returns the status and the answer.
pub(crate) async fn order(app: &TestApp, user: i64, item: &str) -> (u16, String) {
    let body = format!(r#"{{"user":{user},"item":"{item}"}}"#);
    let length = body.len();
    let head = format!("POST /orders HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
    ask(app, &head, &body).await
}

/// Finds an order.
pub(crate) async fn find(app: &TestApp, id: &str) -> (u16, String) {
    ask(app, &format!("GET /orders/{id} HTTP/1.1\r\n"), "").await
}

/// The id of the order in an answer.
pub(crate) fn id_of(answer: &str) -> &str {
    let (_, rest) = answer.split_once("\"id\":\"").expect("an order");
    rest.split_once('"').expect("an id").0
}

/// Waits until the customer was told of an order.
pub(crate) async fn until_notified(app: &TestApp, id: &str) {
    let since = Instant::now();
    loop {
        let (status, answer) = find(app, id).await;
        assert_eq!(status, 200, "{answer}");
        if answer.contains("\"notified\":true") {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "nobody was told: {answer}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn ask(app: &TestApp, head: &str, body: &str) -> (u16, String) {
    let mut client = app.connect("http").await;
    let request = format!("{head}host: orders\r\nconnection: close\r\n\r\n{body}");
    client.write_all(request.as_bytes()).await.expect("a connection");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), answer)
}
