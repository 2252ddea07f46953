//! What the order service tells of orders.

use misc::queue::Payload;
use serde::{Deserialize, Serialize};

/// An order was created. It says what is needed to tell the customer, so that nobody has to be asked for it then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// Which order it is.
    pub order: String,
    /// What was ordered.
    pub item: String,
    /// Where the customer is written to.
    pub email: String,
}

impl Payload for OrderCreated {
    const KIND: &'static str = "order.created";
}
