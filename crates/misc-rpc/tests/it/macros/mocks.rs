//! Mocks, which stand in for an implementation.

use std::sync::atomic::{AtomicU8, Ordering};

use misc_rpc::{Fault, rpc};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("busy")]
struct Busy;

impl Fault for Busy {}

#[rpc]
trait Desk {
    async fn call(&self, name: &str, number: u8) -> Result<String, Busy>;

    async fn is_open(&self) -> bool {
        true
    }

    #[rpc(notification)]
    async fn ring(&self);
}

#[tokio::test]
async fn mocks_answer_as_they_are_told() {
    let mock = DeskMock::new()
        .call(|name, number| if number == 0 { Err(Busy) } else { Ok(format!("{name} {number}")) })
        .is_open(|| false);
    let desk = mock.client();
    assert_eq!(desk.call("Ann", 1).await.expect("an answer"), "Ann 1");
    assert_eq!(desk.call("Ann", 0).await.expect_err("busy").fault(), Some(&Busy));
    assert!(!desk.is_open().await.expect("an answer"));
}

#[tokio::test]
async fn mocks_stand_in_for_implementations() {
    async fn visit(desk: &impl Desk) -> Result<String, Busy> {
        desk.ring().await;
        desk.call("Ann", 1).await
    }

    let mock = DeskMock::new().ring(|| {}).call(|name, _| Ok(name.to_owned()));
    assert_eq!(visit(&mock).await, Ok("Ann".to_owned()));
    assert_eq!((mock.ring_calls(), mock.call_calls(), mock.is_open_calls()), (1, 1, 0));
}

#[tokio::test]
async fn clones_share_what_they_saw_and_what_they_were_told() {
    let mock = DeskMock::new().is_open(|| true);
    let desk = mock.client();
    assert!(desk.is_open().await.expect("an answer"));
    drop(mock.clone().is_open(|| false));
    assert!(!desk.is_open().await.expect("an answer"));
    assert_eq!(mock.is_open_calls(), 2);
    assert!(format!("{mock:?}").contains("is_open: Mocked { calls: 2"), "{mock:?}");
}

#[tokio::test]
async fn closures_may_keep_what_they_like() {
    let left = AtomicU8::new(2);
    let mock = DeskMock::new().call(move |_, _| match left.fetch_sub(1, Ordering::Relaxed) {
        0 => Ok("at last".to_owned()),
        _ => Err(Busy),
    });
    let desk = mock.client();
    let mut answer = desk.call("Ann", 1).await;
    while answer.as_ref().is_err_and(|error| error.fault() == Some(&Busy)) {
        answer = desk.call("Ann", 1).await;
    }
    assert_eq!(answer.expect("an answer"), "at last");
    assert_eq!(mock.call_calls(), 3);
}

#[tokio::test]
async fn what_was_not_told_panics_by_name() {
    let mock = DeskMock::new();
    let task = tokio::runtime::Handle::current().spawn({
        let mock = mock.clone();
        async move { Desk::call(&mock, "Ann", 1).await }
    });
    let panic = task.await.expect_err("it panics").into_panic();
    let said = panic.downcast::<String>().expect("a text");
    assert!(said.contains("`DeskMock`") && said.contains("`call`"), "{said}");
    assert_eq!(mock.call_calls(), 1);
}

#[tokio::test]
async fn what_was_not_told_is_an_internal_error_to_a_client() {
    let error = DeskMock::new().client().call("Ann", 1).await.expect_err("nobody answers");
    assert!(error.is_internal(), "{error}");
}
