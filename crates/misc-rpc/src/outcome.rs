//! Whether a type is a `Result`, whatever it is called.

use std::marker::PhantomData;

/// Finds whether a type is a `Result`, where a method cannot.
#[derive(Debug)]
pub struct Outcome<T>(PhantomData<T>);

impl<T, E> Outcome<Result<T, E>> {
    /// It is one.
    pub const IS_RESULT: bool = true;
}

/// What is no `Result`.
pub trait Plain {
    /// It is none.
    const IS_RESULT: bool = false;
}

impl<T> Plain for Outcome<T> {}
