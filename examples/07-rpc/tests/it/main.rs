//! The example as a whole, from outside.

mod breaker;
mod grpc;
mod json_rpc;
mod support;
