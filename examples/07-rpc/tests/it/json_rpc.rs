//! JSON-RPC, as anybody speaks it, and as the client of the trait does.

use rpc::{User, UserError, UsersClient, UsersMock};

use crate::support::{backend, post};

const ADA: &str = r#"{"id":1,"name":"Ada Lovelace","email":"ada@example.org"}"#;

#[tokio::test]
async fn anyone_with_curl_is_a_client() {
    let app = backend().await;
    for params in [r#"{"id":1}"#, "[1]"] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"get_user","params":{params}}}"#);
        let answer = post(&app, "users", "/rpc", &call).await;
        assert_eq!(answer, (200, format!(r#"{{"jsonrpc":"2.0","result":{ADA},"id":7}}"#)), "{params}");
    }
    let discover = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
    let (status, document) = post(&app, "users", "/rpc", discover).await;
    assert_eq!(status, 200);
    for told in ["openrpc", "get_user", "Finds a user.", "add_user", "Where to write to."] {
        assert!(document.contains(told), "`{told}` is not in {document}");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn the_client_has_the_shape_of_the_trait() {
    let app = backend().await;
    let users = UsersClient::builder(&*format!("http://{}/rpc", app.address("users").await)).build().expect("a URL");
    let grace = users.add_user("Grace Hopper", "grace@example.org").await.expect("an id");
    assert_eq!(users.get_user(grace.id).await.expect("she is there"), grace);
    let taken = users.add_user("Another Grace", "grace@example.org").await.expect_err("it is taken");
    assert_eq!(taken.fault(), Some(&UserError::Taken { email: "grace@example.org".into() }));
    let nobody = users.get_user(9).await.expect_err("there is nobody");
    assert_eq!((nobody.fault(), nobody.code()), (Some(&UserError::NotFound { id: 9 }), Some(404)));
    drop(users);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn the_mock_stands_for_a_server() {
    let user = |id| User { id, name: format!("user {id}"), email: String::new() };
    let users = UsersMock::new().get_user(move |id| Ok(user(id)));
    assert_eq!(users.client().get_user(3).await.expect("a user"), user(3));
    assert_eq!(users.get_user_calls(), 1);
}
