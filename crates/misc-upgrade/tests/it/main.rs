//! What systemd sees of a service, played by a fake manager; and real processes, started as systemd starts them.
#![cfg(target_os = "linux")]

mod activation;
mod fake_manager;
mod greeter;
mod notify;
mod process;
mod systemd;
mod watchdog;
