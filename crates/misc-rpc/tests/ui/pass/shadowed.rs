//! Names of the user's that are those of what the macro writes.
#![deny(warnings)]
#![allow(dead_code, reason = "they only stand in the way of what the macro writes")]

use types::{D, Ok, S};

struct Arc;
struct Client;
struct Contract;
struct Error;
struct Future;
struct Methods;
struct Mocked;
struct Never;
struct Option;
struct Probe;
struct Procedure;
struct Send;
struct Shape;
struct String;
trait Clone {}
trait Deserialize {}
trait From {}
trait Into {}
trait Serialize {}
trait Shapeless {}
trait ToOwned {}
mod core {}
mod misc_rpc {}
mod serde {}
mod std {}
type Result<T, E> = ::std::result::Result<E, T>;

mod types {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub struct Ok(pub u8);

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub struct D;

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub struct S;
}

macro_rules! assert {
    () => {};
}

#[::misc_rpc::rpc]
pub trait Users {
    async fn given(&self, this: u8, given: &str, methods: u8, service: u8, client: u8, config: u8) -> u8;

    async fn answer(&self, answer: u8, f: &[u8], __client: u8, __methods: u8) -> u8;

    async fn r#type(&self, r#type: u8, r#fn: &str) -> Ok;

    async fn generic(&self, d: D, s: &S) -> ::std::result::Result<D, ::misc_rpc::Never>;

    async fn call(&self) -> ();

    async fn notify(&self);

    async fn from(&self);

    async fn clone(&self);

    async fn fmt(&self);

    async fn set(&self);
}

fn main() {
    assert!();
    let mock = UsersMock::new().r#type(|r#type, _| Ok(r#type)).clone(|| {}).set(|| {});
    let mock = ::std::clone::Clone::clone(&mock);
    drop(mock.client());
    assert_eq!(mock.type_calls(), 0);
    let name = UsersClient::CONTRACT.procedures[2];
    assert_eq!((name.name, name.params[0].name, name.params[1].name), ("type", "type", "fn"));

    #[::misc_rpc::rpc]
    trait Local {
        async fn version(&self) -> u8;
    }

    drop(LocalMock::new().version(|| 1).client());
}
