//! What the jobs are about.

use misc_queue::Payload;
use serde::{Deserialize, Serialize};

/// About 150 bytes of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) number: u32,
    customer: String,
    email: String,
    articles: Vec<u32>,
    note: String,
}

impl Payload for Order {
    const KIND: &'static str = "order";
}

impl Order {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            number,
            customer: "Ada Lovelace".to_owned(),
            email: "ada@example.com".to_owned(),
            articles: vec![number, 12_345, 67_890],
            note: "please ring twice, the bell is slow".to_owned(),
        }
    }
}
