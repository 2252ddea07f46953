//! How an answer is written.

use std::fmt::Display;

use serde::{Serialize, Serializer as _};

use crate::{code, fault::Fault};

/// An answer could not be written: a value says of itself that it cannot be.
pub(crate) type Unwritable = serde_json::Error;

/// Writes the answer of a call into a buffer, behind what is there.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    into: &'a mut Vec<u8>,
    /// As the request has it; `None` if nobody shall be answered.
    id: Option<&'a [u8]>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(into: &'a mut Vec<u8>, id: Option<&'a [u8]>) -> Self {
        Self { into, id }
    }

    /// Writes a result.
    pub(crate) fn result(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unwritable> {
        let Some(id) = self.id else {
            return Ok(());
        };
        self.into.extend_from_slice(br#"{"jsonrpc":"2.0","result":"#);
        serde_json::to_writer(&mut *self.into, value)?;
        self.end(id);
        Ok(())
    }

    /// Writes an error that the procedure declares; returns its code.
    pub(crate) fn fault(&mut self, fault: &impl Fault) -> Result<i32, Unwritable> {
        let code = Some(fault.code()).filter(|code| !code::RESERVED.contains(code)).unwrap_or(1);
        let Some(id) = self.id else {
            return Ok(code);
        };
        self.begin_error(code, fault)?;
        self.into.extend_from_slice(br#","data":"#);
        serde_json::to_writer(&mut *self.into, fault)?;
        self.into.push(b'}');
        self.end(id);
        Ok(code)
    }

    /// Writes an error of JSON-RPC's own.
    pub(crate) fn error(&mut self, code: i32, data: Option<&str>) {
        let Some(id) = self.id else {
            return;
        };
        let start = self.into.len();
        if self.try_error(code, data).is_err() {
            // Texts can always be written.
            self.into.truncate(start);
        }
        self.end(id);
    }

    fn try_error(&mut self, code: i32, data: Option<&str>) -> Result<(), Unwritable> {
        self.begin_error(code, &message(code))?;
        if let Some(data) = data {
            self.into.extend_from_slice(br#","data":"#);
            serde_json::to_writer(&mut *self.into, data)?;
        }
        self.into.push(b'}');
        Ok(())
    }

    fn begin_error(&mut self, code: i32, message: &impl Display) -> Result<(), Unwritable> {
        self.into.extend_from_slice(br#"{"jsonrpc":"2.0","error":{"code":"#);
        self.into.extend_from_slice(itoa::Buffer::new().format(code).as_bytes());
        self.into.extend_from_slice(br#","message":"#);
        serde_json::Serializer::new(&mut *self.into).collect_str(message)
    }

    fn end(&mut self, id: &[u8]) {
        self.into.extend_from_slice(br#","id":"#);
        self.into.extend_from_slice(id);
        self.into.push(b'}');
    }
}

/// What the errors of JSON-RPC's own say, as its specification has it where it does.
fn message(code: i32) -> &'static str {
    match code {
        code::PARSE_ERROR => "Parse error",
        code::INVALID_REQUEST => "Invalid Request",
        code::METHOD_NOT_FOUND => "Method not found",
        code::INVALID_PARAMS => "Invalid params",
        code::BUSY => "Busy",
        code::DEADLINE_EXCEEDED => "Deadline exceeded",
        _ => "Internal error",
    }
}
