//! What settings look like: names, documentation, kinds and defaults, as constant tables.
//!
//! A crate that has settings describes them here, and knows nothing of files, variables and flags; who loads settings reads
//! the description, and knows nothing of the crate. `#[derive(Describe)]` of `misc-macros` writes the tables:
//!
//! ```
//! use misc_core::schema::{Defaults, Describe, Field, Kind, Schema};
//! use serde::{Deserialize, Serialize};
//!
//! /// The settings of a cache.
//! #[derive(Serialize, Deserialize)]
//! #[serde(default)]
//! struct Config {
//!     /// How many entries it holds.
//!     entries: u32,
//! }
//!
//! impl Default for Config {
//!     fn default() -> Self {
//!         Self { entries: 1_000 }
//!     }
//! }
//!
//! impl Describe for Config {
//!     const KIND: Kind = Kind::Struct(
//!         &Schema::new("The settings of a cache.", &[Field::new("entries", &u32::KIND).docs("How many entries it holds.")])
//!             .defaults(|| Defaults::of(Self::default())),
//!     );
//! }
//! ```

pub mod period;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    fmt,
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    num::{NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use crate::sockets::Address;

/// Says what a type looks like in settings.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it looks like in settings",
    note = "derive `Config` or `Describe` for it; a field that is not `nested` may have any type"
)]
pub trait Describe {
    /// What it looks like.
    const KIND: Kind;
}

/// What a value looks like in settings.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number in a range, its ends included.
    Integer {
        /// The least.
        min: i128,
        /// The greatest.
        max: i128,
    },
    /// A number.
    Float,
    /// A text, which its type may read further: a path, an address.
    Text,
    /// A span of time, such as `1h30m`.
    Duration,
    /// A number of bytes that may have a unit, such as `10MiB`; the number itself is of the kind inside.
    Bytes(&'static Self),
    /// One of some names.
    Enum(&'static [Variant]),
    /// The kind inside, or nothing.
    Optional(&'static Self),
    /// Any number of the kind inside.
    List(&'static Self),
    /// Names of the user's choice, each with a value of the kind inside.
    Map(&'static Self),
    /// Keys, each of a kind of its own.
    Struct(&'static Schema),
    /// Keys that depend on the value of one of them.
    Tagged {
        /// The key that decides.
        tag: &'static str,
        /// The values that it may have, and the keys that come with each.
        variants: &'static [Variant],
    },
    /// The kind inside, never to be shown.
    Secret(&'static Self),
    /// Whatever its type makes of it.
    Any,
}

impl Kind {
    /// Returns whether there may be a secret in a value of it.
    pub const fn hides(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::Optional(inner) | Self::List(inner) | Self::Map(inner) | Self::Bytes(inner) => inner.hides(),
            Self::Struct(schema) => hide(schema.fields),
            Self::Tagged { tag, variants: [first, others @ ..] } => {
                hide(first.fields) || Self::Tagged { tag, variants: others }.hides()
            }
            _ => false,
        }
    }
}

/// The keys of a struct.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Schema {
    /// What it is for.
    pub docs: &'static str,
    /// Its keys, in order.
    pub fields: &'static [Field],
    /// What keys are worth that are not set, where the struct's own `Default` says so.
    pub defaults: Option<fn() -> Defaults>,
}

impl Schema {
    /// Describes a struct.
    pub const fn new(docs: &'static str, fields: &'static [Field]) -> Self {
        Self { docs, fields, defaults: None }
    }

    /// Takes what is not set from the struct's own `Default`, as `#[serde(default)]` on the struct does.
    pub const fn defaults(mut self, defaults: fn() -> Defaults) -> Self {
        self.defaults = Some(defaults);
        self
    }
}

/// One key of a struct.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
#[must_use]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// Other keys that mean the same.
    pub aliases: &'static [&'static str],
    /// What it is for.
    pub docs: &'static str,
    /// What its value looks like.
    pub kind: &'static Kind,
    /// What it is worth when it is not set, written as in an environment variable.
    pub default: Option<&'static str>,
    /// Whether it may be left out, and its type knows what it is worth then.
    pub optional: bool,
    /// Whether its keys stand beside this one's neighbours, instead of below a key.
    pub flatten: bool,
    /// The whole name of its environment variable, where it is not the usual one.
    pub env: Option<&'static str>,
    /// Its short flag on the command line.
    pub short: Option<char>,
    /// Whether an empty environment variable is an empty value, instead of none.
    pub keep_empty: bool,
}

impl Field {
    /// Describes a key that must be set.
    pub const fn new(name: &'static str, kind: &'static Kind) -> Self {
        Self {
            name,
            aliases: &[],
            docs: "",
            kind,
            default: None,
            optional: false,
            flatten: false,
            env: None,
            short: None,
            keep_empty: false,
        }
    }

    /// Says what it is for.
    pub const fn docs(mut self, docs: &'static str) -> Self {
        self.docs = docs;
        self
    }

    /// Names other keys that mean the same.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Sets what it is worth when it is not set, written as in an environment variable.
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    /// Lets it be left out: its type knows what it is worth then.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Puts its keys beside this one's neighbours.
    pub const fn flatten(mut self) -> Self {
        self.flatten = true;
        self
    }

    /// Names its environment variable, prefix included.
    pub const fn env(mut self, name: &'static str) -> Self {
        self.env = Some(name);
        self
    }

    /// Gives it a short flag on the command line.
    pub const fn short(mut self, flag: char) -> Self {
        self.short = Some(flag);
        self
    }

    /// Takes an empty environment variable as an empty value, instead of none.
    pub const fn keep_empty(mut self) -> Self {
        self.keep_empty = true;
        self
    }
}

/// One of the values that an enum may have.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
#[must_use]
pub struct Variant {
    /// The value.
    pub name: &'static str,
    /// Other values that mean the same.
    pub aliases: &'static [&'static str],
    /// What it stands for.
    pub docs: &'static str,
    /// The keys that come with it.
    pub fields: &'static [Field],
}

impl Variant {
    /// Describes a value.
    pub const fn new(name: &'static str, docs: &'static str) -> Self {
        Self { name, aliases: &[], docs, fields: &[] }
    }

    /// Names other values that mean the same.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Adds the keys that come with it.
    pub const fn fields(mut self, fields: &'static [Field]) -> Self {
        self.fields = fields;
        self
    }
}

/// What a struct is worth when nothing is set; serialises as the struct does.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Defaults(Box<dyn erased_serde::Serialize>);

impl Defaults {
    /// Takes the value of a struct.
    pub fn of(value: impl Serialize + 'static) -> Self {
        Self(Box::new(value))
    }
}

impl fmt::Debug for Defaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defaults").finish_non_exhaustive()
    }
}

macro_rules! describe {
    ($($kind:expr => $($({$($generics:tt)*})? $type:ty),+;)+) => {
        $($(impl$(<$($generics)*>)? Describe for $type { const KIND: Kind = $kind; })+)+
    };
}

macro_rules! describe_integers {
    ($($type:ident $($get:ident)?),+) => { describe! { $(
        Kind::Integer { min: $type::MIN$(.$get())? as i128, max: $type::MAX$(.$get())? as i128 } => $type;
    )+ } };
}

describe! {
    Kind::Bool => bool;
    Kind::Float => f32, f64;
    Kind::Text => String, Box<str>, Arc<str>, char, PathBuf, Address,
        IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6;
    Kind::Duration => Duration;
    Kind::Integer { min: 0, max: i128::MAX } => u128;
    T::KIND => {T: Describe} Box<T>;
    Kind::Optional(&T::KIND) => {T: Describe} Option<T>;
    Kind::List(&T::KIND) => {T: Describe} Vec<T>, {T: Describe} VecDeque<T>, {T: Describe} BTreeSet<T>,
        {T: Describe, S} HashSet<T, S>;
    Kind::Map(&T::KIND) => {K, T: Describe} BTreeMap<K, T>, {K, T: Describe, S} HashMap<K, T, S>;
}
describe_integers! {
    u8, u16, u32, u64, usize, i8, i16, i32, i64, i128, isize,
    NonZeroU8 get, NonZeroU16 get, NonZeroU32 get, NonZeroU64 get, NonZeroUsize get
}

/// Finds the kind of a type, also of one that does not describe itself: what the derives use, where a method cannot.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T: Describe> Probe<T> {
    pub const KIND: &'static Kind = &T::KIND;
}

#[doc(hidden)]
pub trait Undescribed {
    const KIND: &'static Kind = &Kind::Any;
}

impl<T> Undescribed for Probe<T> {}

/// Returns a kind, secret if one of some fields is: what the derives write where the kind says nothing of what is inside.
#[doc(hidden)]
pub const fn guarded(kind: &'static Kind, fields: &[Field]) -> Kind {
    if hide(fields) && !kind.hides() { Kind::Secret(kind) } else { *kind }
}

/// Returns whether there may be a secret in one of some fields.
const fn hide(mut fields: &[Field]) -> bool {
    while let [first, others @ ..] = fields {
        fields = if first.kind.hides() { return true } else { others };
    }
    false
}
