//! Users, served by remote procedures of two kinds, and called by a service that goes on when they fail.

mod backend;
mod directory;
mod front;
pub mod grpc;
mod users;

pub use self::{
    backend::backend,
    directory::Directory,
    front::front,
    grpc::grpc,
    users::{User, UserError, Users, UsersClient, UsersMock},
};
