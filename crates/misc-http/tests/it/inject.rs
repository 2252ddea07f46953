//! What handlers of axum get from the app.

use misc_core::{App, BoxError, Meter, resource};
use misc_http::{
    Connection, Inject, RequestId, Server,
    axum::{Router, body::Body, routing::get},
    layers,
};
use misc_test::TestApp;
use tower::ServiceExt as _;

use crate::support::{Client, Gate};

#[derive(Clone)]
struct Pool(usize);

fn size() -> Router {
    Router::new()
        .route("/size", get(async |Inject(Pool(size)): Inject<Pool>| size.to_string()))
        .route("/peer", get(async |connection: Connection| connection.peer().to_string()))
        .route("/id", get(async |id: RequestId| id.to_string()))
}

#[tokio::test]
async fn a_handler_gets_the_resource_and_waits_while_it_restarts() {
    let gate = Gate::new();
    let open = |gate: Gate| async move {
        gate.pass().await;
        Ok::<_, BoxError>(Pool(gate.gone()))
    };
    let (_, pool) = resource(gate.clone(), open).split();
    let app = App::new("test").service("pool", pool).service("http", Server::new("127.0.0.1:0", size()));
    let app = TestApp::launch(app);
    gate.entered().await;
    gate.open();
    app.ready().await;
    let mut client = Client::connect(&app).await;
    assert_eq!(client.get("/size").await.text(), "1");

    let restarted = app.handle().restart("pool");
    gate.entered().await;
    client.ask("/size").await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), client.try_head()).await;
    assert!(early.is_err(), "it waits: {early:?}");
    gate.open();
    assert_eq!(client.answer().await.text(), "2");
    restarted.await.expect("it is back");

    app.handle().stop("pool").await.expect("it was there");
    assert_eq!(client.get("/size").await.status, 503);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_resource_that_nobody_provides_or_several_do_is_a_500() {
    for providers in [0, 2] {
        let app = (0..providers).fold(App::new("test"), |app, at| {
            let (_, pool) = resource((), async |()| Ok::<_, BoxError>(Pool(1))).split();
            app.service(format!("pool {at}"), pool)
        });
        let app = TestApp::start(app.service("http", Server::new("127.0.0.1:0", size()))).await;
        assert_eq!(Client::connect(&app).await.get("/size").await.status, 500, "{providers} providers");
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test]
async fn a_handler_gets_its_connection() {
    let app = TestApp::service(Server::new("127.0.0.1:0", size())).await;
    let mut client = Client::connect_to(&app, app.address("service").await).await;
    assert!(client.get("/peer").await.text().starts_with("127.0.0.1:"));
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_handler_gets_the_id_of_its_request() {
    let routes = size().layer(layers::standard(&Meter::default()));
    let app = TestApp::service(Server::new("127.0.0.1:0", routes)).await;
    let mut client = Client::connect_to(&app, app.address("service").await).await;
    let answer = client.get("/id").await;
    assert_eq!((Some(answer.text()), answer.text().len()), (answer.header("x-request-id"), 24));
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn without_a_server_or_a_layer_there_is_none() {
    for path in ["/size", "/peer", "/id"] {
        let request = http::Request::get(path).body(Body::empty()).expect("a request");
        let response = size().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), 500, "{path}");
    }
}
