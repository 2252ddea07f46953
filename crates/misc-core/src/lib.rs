#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod app;
mod call;
mod context;
mod deadline;
mod entrypoint;
mod error;
mod exit;
mod graph;
mod handle;
mod ledger;
mod lifecycle;
mod listener;
mod meter;
mod node;
mod plugin;
mod process;
mod reload;
mod report;
mod resource;
mod restart;
mod run;
pub mod schema;
mod scope;
mod service;
mod signals;
mod sockets;
mod spec;
mod status;
mod supervisor;
mod sync;
mod task;
mod time;
mod trace;

pub use tokio_util::sync::CancellationToken;

pub use self::{
    app::App,
    call::{Idempotent, Verdict},
    context::{Context, GetError},
    deadline::Deadline,
    entrypoint::{Runtime, main},
    error::{BoxError, CommandError, Failure},
    exit::Exit,
    handle::{Handle, Started, Stopped},
    ledger::Ledger,
    lifecycle::{Lifecycle, Phase, Transition},
    listener::{Handshake, Incoming, Listener, Stream},
    meter::{Counter, Gauge, Histogram, Meter, Tracked},
    plugin::Plugin,
    reload::{Reload, Reloads},
    report::{Late, Report},
    resource::{CloseFn, Closed, Driver, Gone, Opening, Resource, resource},
    restart::Restart,
    run::current_service,
    service::{Plan, Service},
    sockets::{Address, Bind, ListenError, Request, Socket, SocketKind, Sockets},
    spec::{Factory, OnFailure, Restartable, Spec, factory, service_fn, spec},
    status::{Dependency, Inspected, Status},
    task::{Task, TaskError},
    trace::{TraceContext, Tracer},
};
