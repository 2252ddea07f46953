//! A gateway for devices, which come in by TCP, TLS and UDP: what they say goes to Prometheus and to an MQTT broker.

mod broker;
mod commands;
mod frame;
mod intake;
mod outbox;
mod plugin;
mod settings;

pub use self::{plugin::plugin, settings::Settings};
