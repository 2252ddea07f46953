//! A shop that tells prices: from a database, and in other currencies with the help of a bank.

mod bank;
mod client;
mod database;
mod failure;
mod routes;
mod settings;
mod shop;

pub use self::{
    bank::bank,
    settings::{BankConfig, PoolConfig, Settings},
    shop::shop,
};
