//! The id of a request.

use std::{
    cell::Cell,
    fmt,
    hash::{BuildHasher, RandomState},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};

/// Carries the id from one program to the next; no standard, but what nearly everybody uses.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long an id from outside may be.
const LONGEST: usize = 128;
/// How long ours are: 16 digits of the thread, 8 of the request.
const LENGTH: usize = 24;

/// Names one request in logs, in answers and towards other services.
///
/// The [standard layer](crate::layers::standard) takes it from the header `x-request-id` where that has 1 to 128
/// visible ASCII characters, makes one where it has not, and returns it in the answer's header. A handler finds it by
/// [`current`](Self::current), or as an extractor of axum (feature `axum`); [`trace::inject`](crate::trace::inject)
/// passes it on. An id that the layer makes has 24 hexadecimal digits and is unique, but no secret: the next one can be
/// guessed.
///
/// # Examples
/// ```
/// use misc_http::RequestId;
///
/// async fn receipt() -> String {
///     match RequestId::current() {
///         Some(id) => format!("ask us about {id}"),
///         None => "nobody has numbered this".to_owned(),
///     }
/// }
/// # drop(receipt());
/// ```
// Visible ASCII, of the right length.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Returns the id of the request that is being handled; `None` outside of a handler, and in a task that a handler
    /// has spawned.
    #[must_use]
    pub fn current() -> Option<Self> {
        let look = |current: &Cell<Option<Self>>| {
            let id = current.take();
            current.set(id.clone());
            id
        };
        CURRENT.try_with(look).ok()?
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Does not fail, since it is ASCII.
        self.0.to_str().unwrap_or_default()
    }

    /// Takes the id that a client has sent, if it may be written to logs and headers as it is.
    pub(crate) fn given(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let is_sane = (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        is_sane.then(|| Self(value.clone()))
    }

    pub(crate) fn make() -> Self {
        // At the end of a thread, when there is no sequence any more, each id begins one.
        let made = SEQUENCE.try_with(|sequence| {
            let mut ids = sequence.take().unwrap_or_else(Sequence::begin);
            let id = ids.next();
            sequence.set(Some(ids).filter(|ids| !ids.is_over));
            id
        });
        let made = made.unwrap_or_else(|_| Sequence::begin().next());
        // Cannot fail: digits are valid in a header.
        Self(HeaderValue::from_maybe_shared(made).unwrap_or(NONE.0))
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Calls `work`, which must not panic, as a part of the request of this id.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce() -> T) -> T {
        // It is lent, since a clone for each poll costs more than the rest of this.
        let lent = CURRENT.try_with(|current| current.replace(Some(std::mem::replace(self, NONE))));
        let result = work();
        if let Ok(outer) = lent
            && let Ok(Some(id)) = CURRENT.try_with(|current| current.replace(outer))
        {
            *self = id;
        }
        result
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

/// What is there while an id is lent.
const NONE: RequestId = RequestId(HeaderValue::from_static(""));

thread_local! {
    static CURRENT: Cell<Option<RequestId>> = const { Cell::new(None) };
    static SEQUENCE: Cell<Option<Sequence>> = const { Cell::new(None) };
}

/// The ids that a thread makes, so that threads share nothing: a random start, and a count.
struct Sequence {
    next: [u8; LENGTH],
    /// There is no next one, since the count has run out.
    is_over: bool,
    /// Where ids are written: many share one allocation.
    room: BytesMut,
}

impl Sequence {
    /// How many ids share an allocation.
    const SHARED: usize = 64;

    fn begin() -> Self {
        // Seeded by the operating system, and another one each time.
        let random = RandomState::new().hash_one(());
        let mut next = [b'0'; LENGTH];
        for (at, digit) in next[..16].iter_mut().enumerate() {
            *digit = char::from_digit((random >> (4 * at)) as u32 & 0xf, 16).map_or(b'0', |digit| digit as u8);
        }
        Self { next, is_over: false, room: BytesMut::new() }
    }

    fn next(&mut self) -> Bytes {
        if self.room.capacity() < LENGTH {
            self.room = BytesMut::with_capacity(LENGTH * Self::SHARED);
        }
        self.room.extend_from_slice(&self.next);
        self.is_over = !increment(&mut self.next[16..]);
        self.room.split().freeze()
    }
}

/// Adds one to a number in hexadecimal digits; returns whether there was room for it.
fn increment(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        match digit {
            b'9' => *digit = b'a',
            b'f' => {
                *digit = b'0';
                continue;
            }
            _ => *digit += 1,
        }
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_in_hexadecimal() {
        let mut digits = *b"000";
        for number in 1..0x1000 {
            assert!(increment(&mut digits));
            assert_eq!(str::from_utf8(&digits), Ok(&*format!("{number:03x}")));
        }
        assert!(!increment(&mut digits));
    }

    #[test]
    fn a_sequence_that_has_run_out_is_followed_by_another() {
        let mut sequence = Sequence::begin();
        sequence.next[16..].fill(b'f');
        SEQUENCE.set(Some(sequence));
        let (last, first) = (RequestId::make(), RequestId::make());
        assert!(last.as_str().ends_with("ffffffff"), "{last}");
        assert!(first.as_str().ends_with("00000000"), "{first}");
        assert_ne!(last.as_str()[..16], first.as_str()[..16]);
    }
}
