//! The example as a whole, from outside.

mod grpc;
