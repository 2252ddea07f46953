//! What a client of a trait gets from an implementation of it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use misc_rpc::{Client, Error, Fault, Idempotent, MethodName, Never, Payload, Server, rpc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum UserError {
    #[error("there is no user {id}")]
    NotFound { id: u64 },
    #[error("the name is taken")]
    Taken,
}

impl Fault for UserError {
    fn code(&self) -> i32 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Taken => 409,
        }
    }
}

/// The users of a shop.
#[rpc]
trait Users {
    /// Finds a user.
    #[rpc(idempotent)]
    async fn get_user(&self, id: u64) -> Result<User, UserError>;

    async fn rename(&self, id: u64, name: &str) -> Result<(), UserError>;

    async fn add(&self, users: &[User], first: &User) -> u64;

    async fn names(&self) -> BTreeMap<u64, Cow<'static, str>>;

    async fn version(&self) -> String {
        format!("1.{}", self.names().await.len())
    }

    async fn never_fails(&self) -> Result<u8, Never> {
        let number = Ok(7)?;
        Ok(number)
    }

    #[rpc(notification)]
    async fn seen(&self, id: u64);
}

#[derive(Default)]
struct Shop {
    users: Mutex<BTreeMap<u64, User>>,
    seen: Arc<AtomicU64>,
}

impl Shop {
    fn users(&self) -> MutexGuard<'_, BTreeMap<u64, User>> {
        self.users.lock().expect("nobody panics")
    }
}

impl Users for Shop {
    async fn get_user(&self, id: u64) -> Result<User, UserError> {
        tokio::task::yield_now().await;
        self.users().get(&id).cloned().ok_or(UserError::NotFound { id })
    }

    async fn rename(&self, id: u64, name: &str) -> Result<(), UserError> {
        let mut users = self.users();
        if users.values().any(|user| user.name == name) {
            return Err(UserError::Taken);
        }
        let user = users.get_mut(&id).ok_or(UserError::NotFound { id })?;
        name.clone_into(&mut user.name);
        Ok(())
    }

    async fn add(&self, users: &[User], first: &User) -> u64 {
        let mut all = self.users();
        for user in std::iter::once(first).chain(users) {
            let id = all.len() as u64;
            all.insert(id, user.clone());
        }
        all.len() as u64
    }

    async fn names(&self) -> BTreeMap<u64, Cow<'static, str>> {
        self.users().iter().map(|(id, user)| (*id, user.name.clone().into())).collect()
    }

    async fn seen(&self, id: u64) {
        self.seen.fetch_add(id, Ordering::Relaxed);
    }
}

fn user(name: &str) -> User {
    User { name: name.to_owned() }
}

async fn shop() -> UsersClient {
    let users = UsersClient::over(Server::new(Shop::default().into_rpc()).expect("a server"));
    assert_eq!(users.add(&[user("Ben")], &user("Ann")).await.expect("an answer"), 2);
    users
}

#[tokio::test]
async fn results_arrive_as_they_are() {
    let users = shop().await;
    assert_eq!(users.get_user(1).await.expect("a user"), user("Ben"));
    assert_eq!(users.names().await.expect("names")[&0], "Ann");
    assert_eq!(users.never_fails().await.expect("a number"), 7);
}

#[tokio::test]
async fn declared_errors_arrive_as_they_are() {
    let users = shop().await;
    let error: Error<UserError> = users.get_user(7).await.expect_err("there is none");
    assert_eq!(error.fault(), Some(&UserError::NotFound { id: 7 }));
    let error = users.rename(0, "Ben").await.expect_err("he is there");
    assert_eq!(error.fault(), Some(&UserError::Taken));
}

#[tokio::test]
async fn other_errors_are_told_apart() {
    let users = UsersClient::over(Server::new(misc_rpc::Methods::new()).expect("a server"));
    let error = users.get_user(7).await.expect_err("there is no method");
    assert!(error.fault().is_none() && error.is_method_not_found(), "{error}");
    let error: Error = users.version().await.expect_err("there is no method");
    assert!(error.is_method_not_found(), "{error}");
}

#[tokio::test]
async fn what_is_lent_is_owned_by_the_server() {
    let users = shop().await;
    let name = "Anna".to_owned();
    users.rename(0, &name).await.expect("she is there");
    drop(name);
    assert_eq!(users.get_user(0).await.expect("a user"), user("Anna"));
}

#[tokio::test]
async fn methods_with_a_body_may_be_left_out() {
    assert_eq!(shop().await.version().await.expect("a version"), "1.2");
}

#[tokio::test]
async fn notifications_reach_the_server() {
    let (shop, seen) = (Shop::default(), Arc::new(AtomicU64::new(0)));
    let server = Server::new(Shop { seen: Arc::clone(&seen), ..shop }.into_rpc()).expect("a server");
    let users = UsersClient::over(server);
    users.seen(3).await.expect("it is taken");
    users.seen(4).await.expect("it is taken");
    assert_eq!(seen.load(Ordering::Relaxed), 7);
}

/// Makes a client that notes the requests that it sends.
fn noting<T>(note: fn(&http::Request<Payload>) -> T) -> (UsersClient, Arc<Mutex<Vec<T>>>)
where
    T: Send + 'static,
{
    let notes = Arc::new(Mutex::new(Vec::new()));
    let (noted, server) = (Arc::clone(&notes), Server::new(Shop::default().into_rpc()).expect("a server"));
    let layer = tower::util::MapRequestLayer::new(move |request: http::Request<Payload>| {
        noted.lock().expect("nobody panics").push(note(&request));
        request
    });
    let users = UsersClient::builder("http://localhost/rpc").layer(layer).over(server).build().expect("a client");
    (users, notes)
}

#[tokio::test]
async fn notifications_ask_for_no_answer() {
    let (users, ids) = noting(|request| {
        let body: serde_json::Value = serde_json::from_slice(request.body().as_bytes()).expect("JSON");
        body.get("id").is_some()
    });
    users.seen(7).await.expect("it is taken");
    users.version().await.expect("a version");
    assert_eq!(*ids.lock().unwrap(), [false, true]);
}

#[tokio::test]
async fn idempotent_methods_say_so_to_layers() {
    let (users, notes) = noting(|request| {
        let name = request.extensions().get::<MethodName>().expect("a name").as_str();
        (name, request.extensions().get::<Idempotent>().is_some())
    });
    drop(users.get_user(1).await);
    drop(users.version().await);
    assert_eq!(*notes.lock().unwrap(), [("get_user", true), ("version", false)]);
}

#[tokio::test]
async fn clients_are_made_of_any_client() {
    let server = Server::new(Shop::default().into_rpc()).expect("a server");
    let users = UsersClient::from(Client::over(server));
    assert!(users.clone().names().await.expect("names").is_empty());
    assert_eq!(format!("{users:?}"), r#"UsersClient(Client { target: "in-process", .. })"#);
}

#[tokio::test]
async fn several_traits_share_a_server_and_a_client() {
    #[rpc(namespace = "shop")]
    trait Hours {
        async fn version(&self) -> u8;
    }

    struct Always;

    impl Hours for Always {
        async fn version(&self) -> u8 {
            24
        }
    }

    let server = Server::new(Shop::default().into_rpc().merge(Always.into_rpc())).expect("a server");
    let users = UsersClient::over(server);
    let hours = HoursClient::from(users.as_ref().clone());
    assert_eq!(users.version().await.expect("an answer"), "1.0");
    assert_eq!(hours.version().await.expect("an answer"), 24);
}

#[tokio::test]
async fn calls_may_be_made_on_any_thread() {
    fn sent<T: Send>(future: T) -> T {
        future
    }

    async fn generic(users: &impl Users) -> String {
        sent(users.version()).await
    }

    let users = shop().await;
    sent(users.get_user(1)).await.expect("a user");
    sent(users.rename(1, "Bea")).await.expect("he is there");
    sent(users.seen(1)).await.expect("it is taken");
    assert_eq!(sent(generic(&Shop::default())).await, "1.0");
}
