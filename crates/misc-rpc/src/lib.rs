#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller;
mod client;
pub mod code;
mod contract;
mod error;
mod fault;
mod methods;
mod mocked;
mod openrpc;
mod outcome;
mod payload;
mod scan;
mod server;
mod shape;

pub use misc_core::{Idempotent, Verdict};
/// # Examples
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
/// use misc_rpc::{Error, Fault, Server, rpc};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
/// pub struct User {
///     pub name: String,
/// }
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
/// pub enum UserError {
///     #[error("there is no user {id}")]
///     NotFound { id: u64 },
/// }
///
/// impl Fault for UserError {}
///
/// /// The users of the shop.
/// #[rpc]
/// pub trait Users {
///     /// Finds a user.
///     #[rpc(idempotent)]
///     async fn get_user(&self, id: u64) -> Result<User, UserError>;
///
///     /// Gives a user another name.
///     async fn rename(&self, id: u64, name: &str) -> Result<(), UserError>;
///
///     /// Returns the version of the server.
///     async fn version(&self) -> String {
///         "1.0.0".to_owned()
///     }
///
///     /// Takes note of a user who was here.
///     #[rpc(notification)]
///     async fn seen(&self, id: u64);
/// }
///
/// #[derive(Default)]
/// struct Shop(Mutex<HashMap<u64, User>>);
///
/// impl Users for Shop {
///     async fn get_user(&self, id: u64) -> Result<User, UserError> {
///         self.0.lock().unwrap().get(&id).cloned().ok_or(UserError::NotFound { id })
///     }
///
///     async fn rename(&self, id: u64, name: &str) -> Result<(), UserError> {
///         let mut users = self.0.lock().unwrap();
///         let user = users.get_mut(&id).ok_or(UserError::NotFound { id })?;
///         user.name = name.to_owned();
///         Ok(())
///     }
///
///     async fn seen(&self, id: u64) {
///         println!("{id} was here");
///     }
/// }
///
/// /// What calls the users, wherever they are.
/// async fn greet(users: &UsersClient, id: u64) -> Result<String, Error<UserError>> {
///     let user = users.get_user(id).await?;
///     Ok(format!("Hello, {}!", user.name))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The server: a tower service for any router. Here it answers in this process.
/// let shop = Shop::default();
/// shop.0.lock().unwrap().insert(7, User { name: "Ann".to_owned() });
/// let server = Server::new(shop.into_rpc())?;
///
/// // The client: `UsersClient::builder("http://users:8080/rpc").layer(policy).build()?` calls a server elsewhere.
/// let users = UsersClient::over(server);
/// users.rename(7, "Anna").await?;
/// users.seen(7).await?;
/// assert_eq!(greet(&users, 7).await?, "Hello, Anna!");
/// assert_eq!(users.version().await?, "1.0.0");
///
/// // The error of the procedure is what it was; others say what has failed, and where.
/// let error = users.get_user(8).await.unwrap_err();
/// assert_eq!(error.fault(), Some(&UserError::NotFound { id: 8 }));
///
/// // The mock: for tests of what calls the users.
/// let mock = UsersMock::new().get_user(|id| Ok(User { name: format!("user {id}") }));
/// assert_eq!(greet(&mock.client(), 9).await?, "Hello, user 9!");
/// assert_eq!(mock.get_user_calls(), 1);
/// # Ok(()) }
/// ```
///
/// # The same by hand
///
/// ```
/// use misc_rpc::{Client, ClientMethod, Error, Methods, Never, Param, Procedure, Server};
///
/// const GREET: Procedure = Procedure::new("greet").docs("Greets somebody.").params(&[Param::new("name")]).idempotent();
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let greeting = "Hello".to_owned();
/// let methods = Methods::new().method_with(GREET, greeting, async |greeting: String, (name,): (String,)| {
///     Ok::<_, Never>(format!("{greeting}, {name}!"))
/// });
/// let client = Client::over(Server::new(methods)?);
/// let greet: ClientMethod = client.method(GREET);
/// let greeted: Result<String, Error> = greet.call(&("Ann",)).await;
/// assert_eq!(greeted?, "Hello, Ann!");
/// # Ok(()) }
/// ```
pub use misc_macros::rpc;

pub use self::{
    caller::Caller,
    client::{
        Builder, Client, ClientConfig, ClientMethod, MethodName, Transport, TransportError, TransportFuture, Url,
    },
    contract::{Contract, Param, Procedure},
    error::Error,
    fault::{Fault, Never},
    methods::Methods,
    payload::Payload,
    server::{Limits, Refused, ResponseFuture, Server},
    shape::Shape,
};

/// What the code that `#[rpc]` writes needs.
#[doc(hidden)]
pub mod __private {
    pub use http::{Request, Response};
    pub use http_body::Body;
    pub use misc_core::BoxError;
    pub use serde;
    pub use tower_service::Service;

    pub use crate::{
        mocked::{Mocked, serve},
        outcome::{Outcome, Plain},
        shape::{Probe, Shapeless},
    };
}
