//! What jobs are about.

use serde::{Serialize, de::DeserializeOwned};

/// What a job is about: a value that can be written as JSON, and the name of the queue for such values.
///
/// Jobs outlive the program that has pushed them. So the name is written by hand and not taken from the type, and the type
/// changes as an API does: new fields are optional (`#[serde(default)]`). What cannot be read any more is a dead letter.
///
/// # Examples
/// ```
/// use misc_queue::Payload;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderCreated {
///     order: u64,
///     #[serde(default)]
///     note: Option<String>,
/// }
///
/// impl Payload for OrderCreated {
///     const KIND: &'static str = "order.created";
/// }
/// ```
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Names the queue. At most 100 characters; letters, digits, `.`, `-` and `_`.
    const KIND: &'static str;
}
