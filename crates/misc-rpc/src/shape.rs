//! What a value looks like.

use std::{fmt, marker::PhantomData};

/// Says what a value looks like, for `rpc.discover`.
///
/// It is a JSON Schema, by `schemars` and behind the feature `schema`; without that every shape is [`ANY`](Self::ANY).
#[derive(Clone, Copy)]
pub struct Shape {
    #[cfg(feature = "schema")]
    pub(crate) describe: Option<Describe>,
}

/// Describes a type, and puts the types that it is made of beside it.
#[cfg(feature = "schema")]
pub(crate) type Describe = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

impl Shape {
    /// Whatever it is.
    pub const ANY: Self = Self {
        #[cfg(feature = "schema")]
        describe: None,
    };

    /// The shape of a type.
    ///
    /// # Examples
    /// ```
    /// use misc_rpc::{Param, Shape};
    ///
    /// const ID: Param = Param::new("id").shape(Shape::of::<u64>());
    /// ```
    #[cfg(feature = "schema")]
    #[must_use]
    pub const fn of<T: schemars::JsonSchema + ?Sized>() -> Self {
        Self { describe: Some(|generator| generator.subschema_for::<T>()) }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "schema")]
        if self.describe.is_some() {
            return f.write_str("Shape");
        }
        f.write_str("Any")
    }
}

/// Finds the shape of a type, also of one that has no schema: what `#[rpc]` uses, where a method cannot.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema + ?Sized> Probe<T> {
    pub const SHAPE: Shape = Shape::of::<T>();
}

#[doc(hidden)]
pub trait Shapeless {
    const SHAPE: Shape = Shape::ANY;
}

impl<T: ?Sized> Shapeless for Probe<T> {}
