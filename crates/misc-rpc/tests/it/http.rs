//! What HTTP has to do with it.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{Router, body::Body as AxumBody};
use bytes::Bytes;
use http::{
    Method, Request, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use misc_core::BoxError;
use misc_rpc::{Methods, Never, Payload, Server, code};
use tower::ServiceExt as _;

use crate::served::{Served, request, send};

const VERSION: &str = r#"{"jsonrpc":"2.0","method":"version","id":1}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","result":"1","id":1}"#;

fn server() -> Server {
    Server::new(Methods::new().method("version", async |()| Ok::<_, Never>("1"))).unwrap()
}

#[tokio::test]
async fn only_post_is_allowed() {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let mut request = request(VERSION);
        *request.method_mut() = method.clone();
        let answer = send(&server(), request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers[ALLOW], "POST");
        assert!(answer.body.contains("curl --json"), "{}", answer.body);
    }
}

#[tokio::test]
async fn content_must_be_said_to_be_json() {
    let taken = [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/json-rpc",
        "application/jsonrequest",
        "application/vnd.shop+json",
    ];
    // What a form or a script of a stranger's page may send without being asked.
    let refused = ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json2", "+jso"];
    let all = taken.map(|content| (content, true)).into_iter().chain(refused.map(|content| (content, false)));
    for (content, is_taken) in all {
        let mut request = request(VERSION);
        request.headers_mut().insert(CONTENT_TYPE, content.parse().unwrap());
        let answer = send(&server(), request).await;
        if is_taken {
            assert_eq!((answer.status, &*answer.body), (StatusCode::OK, ANSWER), "{content}");
        } else {
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content}");
            assert!(answer.body.contains("curl --json"), "{}", answer.body);
        }
    }
    let mut request = request(VERSION);
    request.headers_mut().remove(CONTENT_TYPE);
    assert_eq!(send(&server(), request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_answer_is_json_and_a_notification_has_none() {
    let answer = send(&server(), request(VERSION)).await;
    assert_eq!((answer.status, &answer.headers[CONTENT_TYPE]), (StatusCode::OK, &"application/json".parse().unwrap()));
    for body in [r#"{"jsonrpc":"2.0","method":"version"}"#, r#"[{"jsonrpc":"2.0","method":"version"}]"#] {
        let answer = send(&server(), request(body)).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::NO_CONTENT, ""));
        assert!(!answer.headers.contains_key(CONTENT_TYPE));
    }
}

#[tokio::test]
async fn errors_are_answers_too() {
    let answer = send(&server(), request(r#"{"jsonrpc":"2.0","method":"unknown","id":1}"#)).await;
    assert_eq!((answer.status, answer.error().0), (StatusCode::OK, i64::from(code::METHOD_NOT_FOUND)));
}

/// Comes in pieces, and may break off.
struct Pieces(Vec<Result<&'static str, &'static str>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.0.pop() {
            // Is late once in a while.
            Some(Ok("")) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Ok("trailers")) => Poll::Ready(Some(Ok(Frame::trailers(http::HeaderMap::new())))),
            Some(piece) => Poll::Ready(Some(piece.map(|text| Frame::data(text.into())).map_err(Into::into))),
            None => Poll::Ready(None),
        }
    }
}

fn in_pieces(mut pieces: Vec<Result<&'static str, &'static str>>) -> Request<Pieces> {
    pieces.reverse();
    request("").map(|_| Pieces(pieces))
}

#[tokio::test]
async fn a_body_may_come_in_pieces() {
    let (first, rest) = VERSION.split_at(7);
    let (second, third) = rest.split_at(9);
    let pieces = vec![Ok(""), Ok(first), Ok(""), Ok(second), Ok(third), Ok(""), Ok("trailers")];
    let response = server().oneshot(in_pieces(pieces)).await.unwrap();
    assert_eq!(response.into_body().into_bytes(), ANSWER);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_request() {
    let response = server().oneshot(in_pieces(vec![Ok(VERSION), Err("gone")])).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let body = String::from_utf8(response.into_body().into_bytes().to_vec()).unwrap();
    assert!(body.contains("-32700") && !body.contains("gone"), "{body}");
}

#[tokio::test]
async fn it_takes_any_body() {
    let full = request("").map(|_| Full::new(Bytes::from(VERSION)));
    assert_eq!(server().oneshot(full).await.unwrap().into_body().into_bytes(), ANSWER);
    let frames = [Ok::<_, io::Error>(Frame::data(Bytes::from(VERSION)))];
    let streamed = request("").map(|_| StreamBody::new(futures_util::stream::iter(frames)));
    assert_eq!(server().oneshot(streamed).await.unwrap().into_body().into_bytes(), ANSWER);
    let axum = request("").map(|_| AxumBody::from(VERSION));
    assert_eq!(server().oneshot(axum).await.unwrap().into_body().into_bytes(), ANSWER);
}

#[tokio::test]
async fn it_is_mounted_in_a_router_of_axum() {
    let router: Router = Router::new().nest("/api", Router::new().route_service("/rpc", server()));
    let mut request = request(VERSION).map(|payload| AxumBody::from(payload.into_bytes()));
    *request.uri_mut() = "/api/rpc".parse().unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ANSWER);
}

#[tokio::test]
async fn it_is_served_by_hyper_alone() {
    let (client, served) = tokio::io::duplex(1 << 16);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let connections = auto::Builder::new(TokioExecutor::new());
        let service = TowerToHyperService::new(server());
        connections.serve_connection(TokioIo::new(served), service).await.unwrap();
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    tasks.spawn(async move { connection.await.unwrap() });
    let response = sender.send_request(request(VERSION)).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ANSWER);
}

#[tokio::test]
async fn it_keeps_a_connection_open() {
    let served = Served::new(server()).await;
    let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { connection.await.unwrap() });
    for _ in 0..3 {
        let response = sender.send_request(request(VERSION)).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ANSWER);
    }
}

#[tokio::test]
async fn it_never_fails() {
    let answer: Result<_, Infallible> = server().oneshot(request(Payload::default())).await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
}
