//! What the services say to each other: the procedures of one, and the events of the other.

mod orders;
mod users;

pub use self::{
    orders::OrderCreated,
    users::{User, UserError, Users, UsersClient, UsersMock},
};
