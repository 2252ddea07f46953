//! Remote procedures: a trait is the contract, and who calls it goes on when it fails.
//!
//! Run it with `cargo run -p rpc`. It is two services in one process: one has the users, and one calls it. You see each
//! request, and what becomes of calls while the first one is off:
//!
//! ```text
//! $ curl http://127.0.0.1:8080/users/1
//! {"id":1,"name":"Ada Lovelace","email":"ada@example.org"}
//! $ curl --json '{"jsonrpc":"2.0","id":1,"method":"get_user","params":{"id":1}}' http://127.0.0.1:8081/rpc
//! {"jsonrpc":"2.0","result":{"id":1,"name":"Ada Lovelace","email":"ada@example.org"},"id":1}
//! $ curl http://127.0.0.1:8080/breaker
//! closed
//! $ curl -d off http://127.0.0.1:8081/backend
//! The backend is off.
//! $ curl http://127.0.0.1:8080/users/1
//! {"title":"Service Unavailable","status":503,"detail":"the users are not to be had; ask again later"}
//! $ curl http://127.0.0.1:8080/breaker
//! closed
//! $ curl http://127.0.0.1:8080/users/1
//! {"title":"Service Unavailable","status":503,"detail":"the users are not to be had; ask again later"}
//! $ curl http://127.0.0.1:8080/breaker
//! open
//! $ curl 'http://127.0.0.1:8080/readyz?verbose'
//! [+]app ok
//! [-]users failed: reason withheld
//! readyz check failed
//! $ curl -d on http://127.0.0.1:8081/backend
//! The backend is on.
//! $ sleep 2
//! $ curl http://127.0.0.1:8080/users/1
//! {"id":1,"name":"Ada Lovelace","email":"ada@example.org"}
//! $ curl http://127.0.0.1:8080/breaker
//! closed
//! ```
//!
//! Each call was made twice, since it may be, and four failures in a row opened the breaker: then nothing is called, and
//! who asks is told so at once. After two seconds one call is let through, and it closes the breaker again.
//!
//! The same users are there by gRPC, at port 50051. More to try is in the README beside this.

use std::process::ExitCode;

use misc::{App, Meter, metrics::Registry};
use rpc::Directory;

fn main() -> ExitCode {
    misc::main(async || {
        let metrics = Registry::new("users");
        let meter = Meter::new(metrics.clone());
        let directory = Directory::default();
        Ok(App::new("users")
            .with(misc::log::init(misc::log::Config::default())?)
            .with(metrics.clone())
            .with(rpc::backend("127.0.0.1:8081".into(), directory.clone(), &meter)?)
            .with(rpc::grpc("127.0.0.1:50051".into(), directory, &meter)?)
            .with(rpc::front("127.0.0.1:8080".into(), "http://127.0.0.1:8081/rpc", &metrics)?))
    })
}
