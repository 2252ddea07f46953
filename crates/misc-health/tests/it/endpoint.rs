//! Paths, methods, bodies and status codes.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use misc_health::{Details, Health, READINESS, STARTUP, check};
use serde_json::{Value, json};

use crate::subject::{Does, Puppet, ask, get, is_ok, start, status};

fn request(method: Method, path: &str) -> Request<()> {
    Request::builder().method(method).uri(path).body(()).unwrap()
}

/// Leaves out what is another one each time.
fn without_times(json: &str) -> Value {
    let mut value: Value = serde_json::from_str(json).unwrap();
    for check in value["checks"].as_object_mut().unwrap().values_mut() {
        let check = check[0].as_object_mut().unwrap();
        if let Some(time) = check.remove("time") {
            let time = time.as_str().unwrap().to_owned();
            assert!(time.len() == 20 && time.starts_with("20") && time.ends_with('Z'), "{time}");
        }
    }
    value
}

#[tokio::test(start_paused = true)]
async fn answers_in_the_format_of_the_draft() {
    let health = Health::new()
        .check("db", Puppet::new(Does::FailAfter(Duration::from_micros(12_500))).check())
        .check("cache", Puppet::new(Does::Fail).check().informative())
        .check("slow", Puppet::new(Does::Hang).check().informative());
    let app = start(&health).await;
    let response = ask(health.endpoint(), request(Method::GET, "/readyz")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/health+json");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let measured = |status, took| json!([{ "status": status, "observedValue": took, "observedUnit": "ms" }]);
    let mut slow = measured("warn", 700.0);
    slow[0]["output"] = "no answer within 700ms".into();
    let (db, cache) = (measured("fail", 13.0), measured("warn", 0.0));
    let checks = json!({ "app": [{ "status": "pass" }], "db": db, "cache": cache, "slow": slow });
    assert_eq!(without_times(response.body()), json!({ "status": "fail", "checks": checks }));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn errors_are_withheld_unless_they_are_asked_for() {
    let health = Health::new().check("db", Puppet::new(Does::Fail).check());
    let app = start(&health).await;
    let ask = async |details, path| {
        let body = ask(health.endpoint().details(details), request(Method::GET, path)).await.into_body();
        (body.contains("10.0.0.7"), body.contains("db"))
    };
    for path in ["/readyz", "/health", "/readyz?verbose", "/health/readiness?verbose=1"] {
        assert_eq!(ask(Details::Nothing, path).await, (false, false), "{path}");
        assert_eq!(ask(Details::Checks, path).await, (false, true), "{path}");
        assert_eq!(ask(Details::Errors, path).await, (true, true), "{path}");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn verbose_answers_are_those_of_the_kubernetes_api_server() {
    let health = Health::new()
        .check("db", Puppet::new(Does::Fail).check())
        .check("cache", Puppet::new(Does::Fail).check().informative())
        .check("slow", Puppet::new(Does::Hang).check())
        .check("two", check(async || Err::<(), _>("one\n[+]two ok")));
    let app = start(&health).await;
    let (status, body) = get(&health, "/readyz?timeout=3s&verbose").await;
    assert_eq!(status, 503);
    assert_eq!(
        body,
        "[+]app ok\n[-]db failed: reason withheld\n[!]cache warning: reason withheld\n[-]slow failed: no answer within \
         700ms\n[-]two failed: reason withheld\nreadyz check failed\n"
    );
    let shown = ask(health.endpoint().details(Details::Errors), request(Method::GET, "/readyz?verbose")).await;
    assert_eq!(shown.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert!(shown.body().contains("\n[-]two failed: one [+]two ok\nreadyz check failed\n"), "{}", shown.body());
    assert_eq!(get(&health, "/livez?verbose").await, (200, "livez check passed\n".to_owned()));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn other_words_and_another_code_may_be_asked_for() {
    let db = Puppet::new(Does::Pass);
    let health = Health::new().check("db", db.check().cached_for(Duration::ZERO));
    let app = start(&health).await;
    let endpoint = health
        .endpoint()
        .failure_status(StatusCode::INTERNAL_SERVER_ERROR)
        .words("ok", "error")
        .details(Details::Nothing);
    let response = ask(endpoint.clone(), request(Method::GET, "/health")).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!((response.status().as_u16(), response.body().as_str()), (200, r#"{"status":"ok"}"#));
    db.now(Does::Fail);
    let response = ask(endpoint.clone(), request(Method::GET, "/health")).await;
    assert_eq!((response.status().as_u16(), response.body().as_str()), (500, r#"{"status":"error"}"#));
    let response = ask(endpoint.details(Details::Checks), request(Method::GET, "/health")).await;
    assert!(response.body().contains(r#""db":[{"status":"error","#), "{}", response.body());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn groups_of_ones_own_have_checks_of_their_own() {
    let health = Health::new()
        .group("deep")
        .check("db", Puppet::new(Does::Pass).check())
        .check("search", Puppet::new(Does::Fail).check().groups(["deep"]))
        .check("warm", Puppet::new(Does::Fail).check().groups([STARTUP]))
        .check("both", Puppet::new(Does::Pass).check().groups([READINESS, "deep"]));
    let app = start(&health).await;
    let names = async |group: &str| {
        let report = health.report(group).await.unwrap();
        report.components().iter().map(|component| component.name().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("deep").await, "search both");
    assert_eq!(names("readiness").await, "app db both");
    assert_eq!(names("startup").await, "app warm");
    assert_eq!(names("all").await, "app db search warm both");
    assert!(health.report("unknown").await.is_none());
    assert!(is_ok(&health, "/readyz").await && is_ok(&health, "/health/readiness").await);
    assert!(!is_ok(&health, "/health/deep").await && !is_ok(&health, "/startupz").await);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn other_paths_are_not_found() {
    let health = Health::new();
    let app = start(&health).await;
    for path in ["/", "/metrics", "/readyz/", "/livez/db", "/health/", "/health/unknown", "/health/readiness/db"] {
        assert_eq!(status(&health, path).await, 404, "{path}");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn head_has_no_body_and_other_methods_are_refused() {
    let health = Health::new();
    let app = start(&health).await;
    let head = ask(health.endpoint(), request(Method::HEAD, "/readyz")).await;
    assert_eq!((head.status().as_u16(), head.body().as_str()), (200, ""));
    assert_eq!(head.headers()[header::CONTENT_TYPE], "application/health+json");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let refused = ask(health.endpoint(), request(method, "/readyz")).await;
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()[header::ALLOW]),
            (405, &"GET, HEAD".parse().unwrap())
        );
        assert_eq!(refused.headers()[header::CACHE_CONTROL], "no-store");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn head_has_the_head_of_get() {
    let health = Health::new();
    let app = start(&health).await;
    for path in ["/livez", "/readyz?verbose", "/health", "/health/unknown"] {
        let get = ask(health.endpoint(), request(Method::GET, path)).await;
        let head = ask(health.endpoint(), request(Method::HEAD, path)).await;
        assert_eq!(get.headers()[header::CONTENT_LENGTH], get.body().len().to_string(), "{path}");
        assert_eq!(get.headers(), head.headers(), "{path}");
        assert_eq!((head.status(), head.body().as_str()), (get.status(), ""), "{path}");
    }
    app.stop().await.assert_clean().await;
}
