//! Resources: a pool of connections and an HTTP client, opened before and closed after everything that uses them.
//!
//! Run it with `cargo run -p resources`. You see the database opened first and closed last, and in between
//!
//! ```text
//! $ curl http://127.0.0.1:8080/prices/tea
//! {"item":"tea","price":"4.20","currency":"EUR"}
//! $ curl 'http://127.0.0.1:8080/prices/tea?currency=GBP'
//! {"item":"tea","price":"3.57","currency":"GBP"}
//! $ curl http://127.0.0.1:8080/prices/cake
//! {"title":"Not Found","status":404,"detail":"there is no item `cake`"}
//! $ curl --json 4 http://127.0.0.1:8080/held
//! 4 connections are held.
//! $ curl http://127.0.0.1:8080/prices/tea
//! {"title":"Service Unavailable","status":503,"detail":"the shop is busy; ask again later"}
//! $ curl 'http://127.0.0.1:8080/readyz?verbose'
//! [+]app ok
//! [+]db ok
//! [+]bank ok
//! readyz check passed
//! $ curl --json 0 http://127.0.0.1:8080/held
//! 0 connections are held.
//! $ curl http://127.0.0.1:8080/prices/tea
//! {"item":"tea","price":"4.20","currency":"EUR"}
//! $ curl -d off http://127.0.0.1:8081/bank
//! The bank is off.
//! $ curl 'http://127.0.0.1:8080/prices/tea?currency=GBP'
//! {"title":"Service Unavailable","status":503,"detail":"the bank is not to be had; ask again later, or for the price in euros"}
//! $ curl http://127.0.0.1:8080/prices/tea
//! {"item":"tea","price":"4.20","currency":"EUR"}
//! ```
//!
//! The pool has four connections at most, and each of them was held by somebody: who came next waited for one second, as
//! the settings have it, and was told to come back. How many connections there are is in `/metrics`. What becomes of it when the
//! database cannot be opened is in the README beside this, and all settings are in `config.yaml`.

use std::process::ExitCode;

use misc::{App, config::Config as _};
use resources::{Settings, bank, shop};

fn main() -> ExitCode {
    misc::main(async || {
        let settings = Settings::load()?;
        Ok(App::new("shop")
            .with(misc::log::init(settings.log.clone())?)
            .service("bank", bank("127.0.0.1:8081"))
            .with(shop(settings)))
    })
}
