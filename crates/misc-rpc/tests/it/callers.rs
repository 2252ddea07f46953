//! What handlers know of who calls.

use std::task::{Context, Poll};

use axum::{Extension, Router, body::Body as AxumBody};
use http::Request;
use http_body_util::BodyExt as _;
use misc_rpc::{Caller, Methods, Never, Payload, Server};
use serde_json::json;
use tokio::task::yield_now;
use tower::{Service, ServiceExt as _};

use crate::served::{post, request, send};

#[derive(Debug, Clone, PartialEq)]
struct User(u64);

#[derive(Debug, Clone)]
struct Group(&'static str);

async fn whoami() -> (Option<u64>, Option<&'static str>) {
    let caller = Caller::current();
    let caller = caller.as_ref();
    let found =
        (caller.and_then(Caller::get).map(|User(id)| *id), caller.and_then(Caller::get).map(|Group(name)| *name));
    yield_now().await;
    let again = Caller::current();
    assert_eq!(again.as_ref().and_then(Caller::get::<User>), caller.and_then(Caller::get::<User>));
    found
}

fn server() -> Server {
    Server::new(Methods::new().method("whoami", async |()| Ok::<_, Never>(whoami().await))).unwrap()
}

const WHOAMI: &str = r#"{"jsonrpc":"2.0","method":"whoami","id":1}"#;

#[tokio::test]
async fn is_what_layers_in_front_have_found_out() {
    let mut request = request(WHOAMI);
    request.extensions_mut().insert(User(7));
    request.extensions_mut().insert(Group("admins"));
    assert_eq!(send(&server(), request).await.result(), json!([7, "admins"]));
    assert_eq!(post(&server(), WHOAMI).await.result(), json!([null, null]));
}

#[tokio::test]
async fn comes_through_a_router_of_axum() {
    let router: Router = Router::new().route_service("/rpc", server()).layer(Extension(User(7)));
    let request = request(WHOAMI).map(|payload| AxumBody::from(payload.into_bytes()));
    let response = router.oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"jsonrpc":"2.0","result":[7,null],"id":1}"#);
}

#[tokio::test]
async fn is_the_same_for_all_calls_of_a_batch() {
    let mut request = request(format!("[{WHOAMI},{WHOAMI}]"));
    request.extensions_mut().insert(User(7));
    let answers = send(&server(), request).await.json();
    assert_eq!((&answers[0]["result"], &answers[1]["result"]), (&json!([7, null]), &json!([7, null])));
}

#[tokio::test]
async fn does_not_get_mixed_up() {
    let server = server();
    let ask = |id: u64| {
        let mut request = request(WHOAMI);
        request.extensions_mut().insert(User(id));
        let server = server.clone();
        async move { send(&server, request).await.result() }
    };
    let (first, second) = tokio::join!(ask(1), ask(2));
    assert_eq!((first, second), (json!([1, null]), json!([2, null])));
    assert!(Caller::current().is_none());
}

#[tokio::test]
async fn of_a_server_inside_another_is_its_own() {
    let inner = server();
    let outer = Methods::new().method_with("outer", inner, async |inner: Server, ()| {
        let before = whoami().await;
        let mut request = request(WHOAMI);
        request.extensions_mut().insert(User(2));
        let within = send(&inner, request).await.result();
        assert_eq!(whoami().await, before);
        Ok::<_, Never>((before, within))
    });
    let mut request = request(r#"{"jsonrpc":"2.0","method":"outer","id":1}"#);
    request.extensions_mut().insert(User(1));
    let answer = send(&Server::new(outer).unwrap(), request).await;
    assert_eq!(answer.result(), json!([[1, null], [2, null]]));
}

#[tokio::test]
async fn may_be_made_up_for_a_test() {
    assert_eq!(Caller::new().with(User(1)).with(User(7)).scope(whoami()).await, (Some(7), None));
    assert_eq!(whoami().await, (None, None));
}

/// Finds out who calls, as a layer in front would.
#[derive(Clone)]
struct Identify(Server);

impl Service<Request<Payload>> for Identify {
    type Response = http::Response<Payload>;
    type Error = std::convert::Infallible;
    type Future = misc_rpc::ResponseFuture<Payload>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<Payload>>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, mut request: Request<Payload>) -> Self::Future {
        if let Some(token) = request.headers().get("authorization") {
            let user = User(token.len() as u64);
            request.extensions_mut().insert(user);
        }
        self.0.call(request)
    }
}

#[tokio::test]
async fn may_be_told_by_any_service_around_it() {
    let mut request = request(WHOAMI);
    request.headers_mut().insert("authorization", "Bearer".parse().unwrap());
    let response = Identify(server()).oneshot(request).await.unwrap();
    assert_eq!(response.into_body().into_bytes(), r#"{"jsonrpc":"2.0","result":[6,null],"id":1}"#);
}
