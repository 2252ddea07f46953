//! The codes of errors that no procedure declares, as an answer of JSON-RPC has them.
//!
//! Those from -32768 to -32000 are reserved by [JSON-RPC 2.0, 5.1]; of these, -32099 to -32000 are for servers to define.
//!
//! [JSON-RPC 2.0, 5.1]: https://www.jsonrpc.org/specification#error_object

use std::ops::RangeInclusive;

/// The request is no JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The request is JSON, and no request.
pub const INVALID_REQUEST: i32 = -32600;
/// There is no such method.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The method does not take these parameters.
pub const INVALID_PARAMS: i32 = -32602;
/// The server has failed.
pub const INTERNAL_ERROR: i32 = -32603;
/// As many calls are under way as the server allows.
pub const BUSY: i32 = -32000;
/// The call was not done by its deadline.
pub const DEADLINE_EXCEEDED: i32 = -32001;

/// What procedures must not use for their own errors.
pub const RESERVED: RangeInclusive<i32> = -32768..=-32000;
