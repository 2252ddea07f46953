//! Remote procedures.
//!
//! Run it with `cargo run -p rpc`. You see ..

use std::process::ExitCode;

use misc::{App, Meter};
use rpc::Directory;

fn main() -> ExitCode {
    misc::main(async || {
        let log = misc::log::init(misc::log::Config::default())?;
        let meter = Meter::default();
        let directory = Directory::default();
        Ok(App::new("users").with(log).with(rpc::grpc("127.0.0.1:50051".into(), directory, &meter)?))
    })
}
