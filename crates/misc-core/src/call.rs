//! What is said of a call to another service, between who makes it and what stands around it.

use std::time::Duration;

/// Declares that a call may be made again: doing it twice is doing it once ([RFC 9110, 9.2.2]).
///
/// It is an extension of a request. A client puts it there for what is declared to be so, such as a method of an RPC
/// trait, and whatever repeats calls looks for it: what is neither idempotent by its protocol nor declared to be so is
/// made once.
///
/// [RFC 9110, 9.2.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotent;

/// Says what the end of a call means for whoever counts failures or makes calls again.
///
/// It is an extension of a response where the protocol's own status does not tell: an RPC that failed is a 200 of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The service has answered, and be it that there is no such thing.
    Success,
    /// The service has failed, and may do so again.
    Failure,
    /// The service cannot do it now. It may be asked again, after the time that it has named, if it has.
    Transient(Option<Duration>),
    /// It says nothing about the service.
    Ignored,
}
