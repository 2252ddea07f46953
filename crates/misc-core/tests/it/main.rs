//! The promises of the core that one process can show, through its public API.
//!
//! One file per promise; each test is named after what it shows. Time is virtual except where sockets are real.

mod bad_input;
mod deadline;
mod dynamic;
mod end;
mod exit_code;
mod failure;
mod groups;
mod kept;
mod late;
mod long_chain;
mod metrics;
mod observers;
mod order;
mod reloads;
mod report;
mod resources;
mod restart;
mod schema;
mod sockets;
mod start;
mod status;
mod stop;
mod support;
mod tasks;
mod trace;
