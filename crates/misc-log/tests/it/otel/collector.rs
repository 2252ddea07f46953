//! A small collector: an HTTP server that decodes what it is sent.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message;

/// What a collector was sent.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) heads: Vec<String>,
    requests: Vec<ExportTraceServiceRequest>,
}

impl Received {
    pub(super) fn spans(&self) -> Vec<Span> {
        let scopes = self.requests.iter().flat_map(|request| &request.resource_spans).flat_map(|all| &all.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    pub(super) fn span_names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }

    /// An attribute of the resource of the first spans.
    pub(super) fn resource(&self, key: &str) -> Option<String> {
        let resource = self.requests.first()?.resource_spans.first()?.resource.as_ref()?;
        let value = resource.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?;
        match value.value? {
            Value::StringValue(text) => Some(text),
            _ => None,
        }
    }
}

pub(super) struct Collector {
    endpoint: String,
    server: JoinHandle<Received>,
}

impl Collector {
    pub(super) fn start() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    }

    /// A collector that always answers the same.
    pub(super) fn answering(response: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut received = Received::default();
            for stream in listener.incoming() {
                if !serve(stream.unwrap(), response, &mut received) {
                    return received;
                }
            }
            received
        });
        Self { endpoint, server }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Ends it, once all who have sent something are gone.
    pub(super) fn stop(self) -> Received {
        let address = self.endpoint.trim_start_matches("http://").trim_end_matches("/v1/traces");
        TcpStream::connect(address).unwrap().write_all(b"STOP\r\n\r\n").unwrap();
        self.server.join().unwrap()
    }
}

/// Serves one connection to its end; returns whether to go on.
fn serve(stream: TcpStream, response: &str, received: &mut Received) -> bool {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap() == 0 {
                return true;
            }
        }
        if head.starts_with("STOP") {
            return false;
        }
        assert!(head.starts_with("POST /v1/traces"), "{head}");
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.expect("a length")];
        reader.read_exact(&mut body).unwrap();
        received.heads.push(head);
        received.requests.push(ExportTraceServiceRequest::decode(&*body).unwrap());
        reader.get_mut().write_all(response.as_bytes()).unwrap();
    }
}
