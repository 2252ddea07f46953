//! What `rpc.discover` answers: an [OpenRPC](https://spec.open-rpc.org) document.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    contract::{Contract, Param},
    methods::Method,
    server::Table,
    shape::Schemas,
};

/// The version of the format that the tools of its authors read.
const VERSION: &str = "1.2.6";

/// What a server says of the whole.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Info {
    #[serde(skip)]
    pub(crate) url: Option<String>,
    pub(crate) title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) version: String,
}

impl Info {
    /// Takes it from the contract, if there is one only.
    pub(crate) fn of(contracts: &[Contract]) -> Self {
        let (title, description) = match contracts {
            [contract] => (contract.name, contract.docs),
            _ => ("JSON-RPC", ""),
        };
        Self { url: None, title: title.to_owned(), version: "0.0.0".to_owned(), description: description.to_owned() }
    }
}

/// Describes methods.
pub(crate) fn document(table: &Table, info: &Info) -> Box<RawValue> {
    let mut schemas = Schemas::new();
    let methods =
        table.methods.iter().map(|method| MethodObject::new(method, &table.contracts, &mut schemas)).collect();
    let components = Components { schemas: schemas.finish() };
    let servers = info.url.iter().map(|url| ServerObject { url }).collect();
    let document = Document { openrpc: VERSION, info, servers, methods, components };
    serde_json::value::to_raw_value(&document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document<'a> {
    openrpc: &'static str,
    info: &'a Info,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    servers: Vec<ServerObject<'a>>,
    methods: Vec<MethodObject>,
    #[serde(skip_serializing_if = "Components::is_empty")]
    components: Components,
}

#[derive(Serialize)]
struct ServerObject<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct Components {
    schemas: BTreeMap<String, Value>,
}

impl Components {
    fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MethodObject {
    name: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'static str,
    param_structure: &'static str,
    params: Vec<ContentDescriptor>,
    result: ContentDescriptor,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorObject>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
    #[serde(rename = "x-idempotent", skip_serializing_if = "std::ops::Not::not")]
    idempotent: bool,
}

impl MethodObject {
    fn new(method: &Method, contracts: &[Contract], schemas: &mut Schemas) -> Self {
        let procedure = &method.procedure;
        let (summary, rest) = procedure.docs.split_once("\n\n").unwrap_or((procedure.docs, ""));
        let contract = method.contract.and_then(|place| contracts.get(place));
        Self {
            name: procedure.name,
            tags: contract
                .map(|contract| Tag { name: contract.name, description: contract.docs })
                .into_iter()
                .collect(),
            summary,
            description: rest.trim(),
            param_structure: "either",
            params: procedure.params.iter().map(|param| ContentDescriptor::of(param, schemas)).collect(),
            result: ContentDescriptor {
                name: "result",
                description: "",
                required: true,
                schema: schemas.describe(procedure.returns),
            },
            errors: method.errors.iter().map(|(code, message)| ErrorObject { code: *code, message }).collect(),
            deprecated: procedure.deprecated,
            idempotent: procedure.idempotent,
        }
    }
}

#[derive(Serialize)]
struct Tag {
    name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'static str,
}

#[derive(Serialize)]
struct ContentDescriptor {
    name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'static str,
    required: bool,
    schema: Value,
}

impl ContentDescriptor {
    fn of(param: &Param, schemas: &mut Schemas) -> Self {
        let Param { name, docs, shape, optional } = *param;
        Self { name, description: docs, required: !optional, schema: schemas.describe(shape) }
    }
}

#[derive(Serialize)]
struct ErrorObject {
    code: i32,
    message: &'static str,
}
