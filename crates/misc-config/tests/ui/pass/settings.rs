#![deny(warnings, missing_docs, unused_qualifications)]
//! The settings of a shop.

use std::{net::IpAddr, time::Duration};

use misc_config::{
    Config,
    schema::{Describe, Kind},
};
use serde::Deserialize;

/// Settings of the shop.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "APP")]
pub struct AppConfig {
    /// Address to listen on.
    #[config(default = "0.0.0.0")]
    pub host: IpAddr,
    /// Port to listen on.
    #[config(default = 8000, env = "APP_PORT", short = 'p')]
    pub port: u16,
    /// Where everything is.
    #[config(nested)]
    pub database: Database,
}

/// Settings of the database.
#[derive(Debug, Deserialize, Config)]
pub struct Database {
    /// Its address, with the password.
    #[config(secret)]
    pub url: String,
    /// How long to wait.
    pub timeout: Duration,
}

fn main() {
    assert_eq!(AppConfig::PREFIX, "APP");
    assert_eq!(AppConfig::NAME, env!("CARGO_PKG_NAME"));
    assert_eq!(AppConfig::VERSION, env!("CARGO_PKG_VERSION"));
    assert_eq!(Database::PREFIX, "");
    let Kind::Struct(schema) = AppConfig::KIND else { panic!("a struct") };
    assert_eq!(schema.docs, "Settings of the shop.");
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name).collect();
    assert_eq!(names, ["host", "port", "database"]);
    assert!(matches!(schema.fields[2].kind, Kind::Struct(schema) if matches!(schema.fields[0].kind, Kind::Secret(_))));
}
