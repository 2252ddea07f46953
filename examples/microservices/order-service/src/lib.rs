//! Takes orders, and tells customers of them.

mod database;
mod failure;
mod mail;
mod notify;
mod orders;
mod routes;
mod settings;

pub use self::{
    database::{CannotOpen, open, ping},
    mail::{Mail, MailFile, Mailer},
    notify::{Notifier, notify},
    orders::{Order, Orders},
    routes::{Shop, routes},
    settings::Settings,
};
