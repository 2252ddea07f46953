//! The gateway, from outside: as devices, the broker and operators see it.

mod authority;
mod broker;
mod https;
mod limits;
mod lines;
mod stop;
mod support;
mod tls;
mod udp;
