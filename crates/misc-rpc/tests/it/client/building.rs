//! What a client is built of, and what is refused.

use std::time::Duration;

use misc_core::schema::{Describe, Kind};
use misc_rpc::{Builder, Client, ClientConfig, Error, Url};

use super::support::{Backend, Recorder};

#[track_caller]
fn check(builder: Builder, problems: &[&str]) {
    let refused = builder.build().expect_err("it is refused");
    assert_eq!(refused.problems(), problems);
}

#[test]
fn nonsense_is_refused_with_all_reasons_at_once() {
    check(
        Client::builder("ftp:///rpc").timeout(Duration::ZERO).connect_timeout(Duration::ZERO).answer_size(0),
        &[
            "`ftp:///rpc` has the scheme `ftp`, and only `http` and `https` are known",
            "`ftp:///rpc` has no host, such as in `http://users:5000/rpc`",
            "`timeout` is 0, and a call needs some time",
            "`connect_timeout` is 0, and a connection needs some time",
            "`answer_size` is 0, and an answer has some bytes",
        ],
    );
    check(
        Client::builder("http://users").idle_timeout(Duration::ZERO),
        &["`idle_timeout` is 0, and with `idle_connections` at 0 none is kept"],
    );
}

#[test]
fn a_url_needs_a_scheme_and_a_host() {
    check(Client::builder("users:5000/rpc"), &["`users:5000/rpc` has no scheme, such as in `http://users:5000/rpc`"]);
    check(Client::builder("http://"), &["`http://` has no host, such as in `http://users:5000/rpc`"]);
    check(Client::builder("http://:80/"), &["`http://:80/` has no host, such as in `http://users:5000/rpc`"]);
    check(
        Client::builder(""),
        &["`` has no scheme, such as in `http://`", "`` has no host, such as in `http://users:5000/rpc`"],
    );
    check(Client::builder("http://us ers/"), &["`http://us ers/` is no URL: invalid uri character"]);
    Client::builder("HTTP://Users").build().expect("valid");
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_without_its_feature_is_refused() {
    check(
        Client::builder("https://users/rpc"),
        &["`https://users/rpc` needs TLS, which the feature `tls` of misc-rpc brings, and that is not on"],
    );
}

#[test]
fn authorities_without_tls_are_refused() {
    let mut config = ClientConfig::from("http://users/rpc");
    config.ca = Some("ca.pem".into());
    check(
        Client::builder(config),
        &["authorities are set that sign certificates, and `http://users/rpc` is not of `https`"],
    );
}

#[test]
fn a_client_is_built_outside_of_a_runtime() {
    let client = Client::builder("http://127.0.0.1:1/rpc").http2().build().expect("valid");
    assert_eq!(client.target(), "http://127.0.0.1:1/rpc");
}

#[tokio::test]
async fn nothing_connects_until_the_first_call() {
    let backend = Backend::start(Recorder::new()).await;
    let client = Client::builder(backend.url()).build().expect("valid");
    let method = client.method("get");
    // Whatever was begun has its turn.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(backend.connections(), 0);
    let answer: Result<u64, Error> = method.call(&()).await;
    assert_eq!((answer.expect("an answer"), backend.connections()), (1, 1));
}

#[tokio::test]
async fn a_user_is_sent_as_basic_authorization_and_never_shown() {
    let recorder = Recorder::new();
    let backend = Backend::start(recorder.clone()).await;
    let url = format!("http://shop:p%40ss:w%C3%B6rd@{}/rpc?key=s3cret", backend.address());
    let builder = Client::builder(&*url);
    let shown = format!("{builder:?}");
    let client: Client = builder.build().expect("valid");
    let _: u64 = client.method("get").call::<_, misc_rpc::Never, _>(&()).await.expect("an answer");
    let [came] = &recorder.seen()[..] else { panic!("one request") };
    // That is `shop:p@ss:wörd`.
    assert_eq!(came.headers["authorization"], "Basic c2hvcDpwQHNzOnfDtnJk");
    assert_eq!(came.uri.to_string(), "/rpc?key=s3cret");
    assert_eq!(came.headers["host"].to_str().expect("a text"), backend.address().to_string());

    let error = client.method("get").call::<String, misc_rpc::Never, _>(&()).await.expect_err("1 is no text");
    let config = ClientConfig::from(&*url);
    let settings = serde_json::to_string(&config).expect("JSON");
    let all = [shown, format!("{client:?} {error} {error:?} {config:?} {} {settings}", Url::from(url))].concat();
    for secret in ["shop", "p%40", "s3cret"] {
        assert!(!all.contains(secret), "`{secret}` in {all}");
    }
    assert_eq!(client.target(), backend.url());
    let refused = Client::builder("ftp://shop:word@users?key=s3cret").build().expect_err("no such");
    assert!(refused.to_string().starts_with("`ftp://***@users?***` has the scheme"), "{refused}");
}

#[test]
fn a_password_is_not_shown_either_where_it_is_not_written_as_it_should_be() {
    for (url, shown) in [
        ("http://shop:s3cret@users:5000/rpc", "http://***@users:5000/rpc"),
        ("http://shop:s3/cret@users/rpc", "http://***@users/rpc"),
        ("http://shop:s3?cret@users/rpc", "http://***@users/rpc"),
        ("http://shop:s3#cret@users/rpc?a=b", "http://***@users/rpc?***"),
        ("http://shop:s3@cret@users", "http://***@users"),
        ("shop:s3cret@users", "***@users"),
        ("http://s3cret@[::1]:80/rpc", "http://***@[::1]:80/rpc"),
        ("http://[::1]/rpc", "http://[::1]/rpc"),
        ("http://users/@scope/rpc", "http://users/@scope/rpc"),
        ("http://users:80/@scope/rpc", "http://users:80/@scope/rpc"),
    ] {
        assert_eq!(Url::from(url).to_string(), shown);
    }
}

#[test]
fn users_are_written_in_base_64_of_every_length() {
    // RFC 4648, 10, as far as a user with an empty password shows it.
    for (user, written) in
        [("", "Og=="), ("f", "Zjo="), ("fo", "Zm86"), ("foo", "Zm9vOg=="), ("foo%zz%4", "Zm9vJXp6JTQ6")]
    {
        let recorder = Recorder::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let backend = Backend::start(recorder.clone()).await;
            let url = format!("http://{user}@{}/", backend.address());
            let client = Client::builder(url).build().expect("valid");
            let _: u64 = client.method("get").call::<_, misc_rpc::Never, _>(&()).await.expect("an answer");
        });
        assert_eq!(recorder.seen()[0].headers["authorization"], format!("Basic {written}"));
    }
}

#[test]
fn settings_have_defaults_and_refuse_what_they_do_not_know() {
    let config: ClientConfig = serde_json::from_str(r#"{"url": "http://users", "timeout": "2s"}"#).expect("valid");
    assert_eq!(config.timeout, Some(Duration::from_secs(2)));
    assert_eq!(config.connect_timeout, Duration::from_secs(5));
    assert_eq!(config.idle_timeout, Duration::from_secs(50));
    assert_eq!((config.idle_connections, config.answer_size, config.http2), (1_000, 10 << 20, false));
    assert_eq!(ClientConfig::new("http://users").timeout, Some(Duration::from_secs(30)));
    serde_json::from_str::<ClientConfig>("{}").expect_err("there is no URL");
    serde_json::from_str::<ClientConfig>(r#"{"url": "http://users", "timout": "2s"}"#).expect_err("misspelt");
    let Kind::Struct(schema) = ClientConfig::KIND else { panic!("a struct") };
    let names: Vec<_> = schema.fields.iter().map(|field| field.name).collect();
    assert_eq!(names.len(), 8, "{names:?}");
}
