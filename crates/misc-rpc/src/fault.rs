//! Errors that a procedure declares.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// An error that a procedure declares, and its caller gets as it is.
///
/// It travels as the error object of JSON-RPC: its text as `message`, its [`code`](Self::code), and what serde makes of it
/// as `data`.
///
/// # Examples
/// ```
/// use misc_rpc::Fault;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
/// enum UserError {
///     #[error("there is no user {id}")]
///     NotFound { id: u64 },
///     #[error("the user is locked")]
///     Locked,
///     #[error("nobody can say who is a user now")]
///     Unavailable,
/// }
///
/// impl Fault for UserError {
///     const FAILURES: &'static [i32] = &[503];
///
///     fn code(&self) -> i32 {
///         match self {
///             Self::NotFound { .. } => 404,
///             Self::Locked => 423,
///             Self::Unavailable => 503,
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error that a procedure can declare",
    note = "derive `Serialize`, `Deserialize` and `Display` for it, and write `impl misc_rpc::Fault for {Self} {{}}`"
)]
pub trait Fault: Display + Serialize + DeserializeOwned + Send + 'static {
    /// Its codes, each with what it stands for, for `rpc.discover` to tell (none).
    const CODES: &'static [(i32, &'static str)] = &[];

    /// Those of its codes that say that the server has failed, such as for a database that is away, and not that it has
    /// answered (none).
    ///
    /// A breaker of the caller counts such an error as a failure of the server. It is not called again for that. A code
    /// that JSON-RPC has reserved is sent as 1, and so is never found here.
    const FAILURES: &'static [i32] = &[];

    /// Returns the code of the error (1).
    ///
    /// Any but those from -32768 to -32000, which JSON-RPC has reserved: one of these is sent as 1.
    fn code(&self) -> i32 {
        1
    }
}

/// The error of a procedure that declares none: there is no such value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "it has no variants, and never will")]
pub enum Never {}

impl Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

impl Fault for Never {}
