//! The standard layer around services of all kinds, without a server.

mod deadlines;
mod ids;
mod metrics;
mod observed;
mod panics;
mod streams;
mod traces;

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use misc_core::{BoxError, Meter};
use misc_http::layers::{ResponseBody, Standard, standard};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

/// The layer, measuring nothing.
fn plain() -> Standard {
    standard(&Meter::default())
}

fn get(path: &str) -> Request<String> {
    Request::get(path).body(String::new()).expect("a valid request")
}

/// Sends one request to a handler with the layer around it.
async fn ask<F>(
    layer: Standard,
    request: Request<String>,
    handler: impl FnOnce(Request<String>) -> F,
) -> Response<ResponseBody<String>>
where
    F: Future<Output = Response<String>>,
{
    let mut handler = Some(handler);
    let service = service_fn(|request| {
        let answer = handler.take().expect("one request")(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    layer.layer(service).oneshot(request).await.expect("the layer adds no error")
}

fn header<'a, B>(response: &'a Response<B>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Error: Into<BoxError> + std::fmt::Debug>,
{
    let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}
