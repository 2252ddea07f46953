//! Users, served by remote procedures of two kinds, and called by one that survives it when they fail.

mod directory;
pub mod grpc;
mod users;

pub use self::{
    directory::Directory,
    grpc::grpc,
    users::{User, UserError},
};
