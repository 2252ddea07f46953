//! A service that is worth testing, and its tests.
//!
//! Run it with `cargo run -p testing`. It counts for whoever connects, and what you see is
//!
//! ```text
//! $ nc 127.0.0.1 7070
//! apples
//! apples 1
//! pears
//! pears 1
//! apples
//! apples 2
//! ```
//!
//! Who is silent for a minute is told `bye`, and so is everybody when it stops: try Ctrl-C.
//!
//! The lesson is in `tests/tally.rs`; run it with `cargo test -p testing`. A minute of silence passes there at once, on a
//! paused clock with sockets in memory; connections are cut and slowed down on real ones; logs, metrics, a signal and the
//! end are asserted; and all of it at the same time, for no test has a port, a log or a metric of another one's.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracing_subscriber::fmt().init();
    misc::main(async || Ok(testing::app("127.0.0.1:7070")))
}
