//! What a value looks like.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde_json::Value;

/// Says what a value looks like, for `rpc.discover`.
///
/// It is a JSON Schema, by `schemars` and behind the feature `schema`; without that every shape is [`ANY`](Self::ANY).
#[derive(Clone, Copy)]
pub struct Shape(Option<imp::Describe>);

impl Shape {
    /// Whatever it is.
    pub const ANY: Self = Self(None);
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Shape(..)" } else { "ANY" })
    }
}

/// Finds the shape of a type, also of one that has no schema: what `#[rpc]` uses, where a method cannot.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

#[doc(hidden)]
pub trait Shapeless {
    const SHAPE: Shape = Shape::ANY;
}

impl<T: ?Sized> Shapeless for Probe<T> {}

/// Makes JSON Schemas of shapes, and keeps those that several share.
pub(crate) struct Schemas(imp::Generator);

impl Schemas {
    pub(crate) fn new() -> Self {
        Self(imp::generator())
    }

    /// Describes a shape; whatever it is, if it says nothing of itself.
    pub(crate) fn describe(&mut self, shape: Shape) -> Value {
        shape.0.map_or(Value::Bool(true), |describe| imp::describe(describe, &mut self.0))
    }

    /// Returns the schemas that were referred to.
    pub(crate) fn finish(self) -> BTreeMap<String, Value> {
        imp::definitions(self.0)
    }
}

#[cfg(feature = "schema")]
mod imp {
    use std::collections::BTreeMap;

    use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform};
    use serde_json::Value;

    use super::{Probe, Shape};

    /// Describes a type, and puts the types that it is made of beside it.
    pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;
    pub(super) type Generator = SchemaGenerator;

    impl Shape {
        /// The shape of a type.
        ///
        /// # Examples
        /// ```
        /// use misc_rpc::{Param, Shape};
        ///
        /// const ID: Param = Param::new("id").shape(Shape::of::<u64>());
        /// # let _ = ID;
        /// ```
        #[must_use]
        pub const fn of<T: JsonSchema + ?Sized>() -> Self {
            Self(Some(SchemaGenerator::subschema_for::<T>))
        }
    }

    impl<T: JsonSchema + ?Sized> Probe<T> {
        pub const SHAPE: Shape = Shape::of::<T>();
    }

    /// Refers to schemas where the document has them, in the dialect that it is written in.
    pub(super) fn generator() -> Generator {
        let settings =
            SchemaSettings::draft07().with(|settings| settings.definitions_path = "/components/schemas".into());
        settings.with_transform(RecursiveTransform(forget_widths)).into_generator()
    }

    /// Takes out how wide numbers are, such as `uint64`: JSON Schema has no such formats, and strict readers refuse them.
    fn forget_widths(schema: &mut Schema) {
        let is_wide =
            |format: &str| ["int", "uint"].contains(&format.trim_end_matches(|end: char| end.is_ascii_digit()));
        if schema
            .get("format")
            .and_then(Value::as_str)
            .is_some_and(|format| is_wide(format) || NUMBERS.contains(&format))
        {
            schema.remove("format");
        }
    }

    const NUMBERS: [&str; 2] = ["float", "double"];

    pub(super) fn describe(describe: Describe, generator: &mut Generator) -> Value {
        let mut schema = describe(generator);
        for transform in generator.transforms_mut() {
            transform.transform(&mut schema);
        }
        schema.into()
    }

    pub(super) fn definitions(mut generator: Generator) -> BTreeMap<String, Value> {
        generator.take_definitions(true).into_iter().collect()
    }
}

#[cfg(not(feature = "schema"))]
mod imp {
    use std::{collections::BTreeMap, convert::Infallible};

    use serde_json::Value;

    pub(super) type Describe = Infallible;
    /// Describes nothing.
    pub(super) struct Generator;

    pub(super) fn generator() -> Generator {
        Generator
    }

    pub(super) fn describe(never: Describe, _: &mut Generator) -> Value {
        match never {}
    }

    pub(super) fn definitions(_: Generator) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }
}
