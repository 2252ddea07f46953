//! What `rpc.discover` answers: an OpenRPC document.

use serde_json::{Value, json, value::RawValue};

use crate::{contract::Contract, server::Table};

/// What a server says of the whole.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    pub(crate) title: String,
    pub(crate) version: String,
    pub(crate) description: String,
}

impl Info {
    /// Takes it from the contract, if there is one only.
    pub(crate) fn of(contracts: &[Contract]) -> Self {
        let (title, description) = match contracts {
            [contract] => (contract.name, contract.docs),
            _ => ("JSON-RPC", ""),
        };
        Self { title: title.to_owned(), version: "0.0.0".to_owned(), description: description.to_owned() }
    }
}

pub(crate) fn document(table: &Table, info: &Info) -> Box<RawValue> {
    let methods: Vec<Value> = table.methods.iter().map(|method| json!({ "name": method.procedure.name })).collect();
    let document =
        json!({ "openrpc": "1.2.6", "info": { "title": info.title, "version": info.version }, "methods": methods });
    serde_json::value::to_raw_value(&document).unwrap_or_default()
}
