//! What the example is made of: a monitor, its store, reports, and a port for operators.

mod monitor;
pub mod operator;
mod reports;
mod store;

pub use self::{
    monitor::{Monitor, MonitorTasks},
    reports::{Reports, ReportsTasks},
    store::{Reading, Store},
};
