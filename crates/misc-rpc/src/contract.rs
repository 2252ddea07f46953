//! What a set of procedures looks like, as constant tables that a server and its clients share.

use crate::shape::Shape;

/// A set of procedures under one name: what `#[rpc]` makes of a trait.
///
/// # Examples
/// ```
/// use misc_rpc::{Contract, Param, Procedure};
///
/// pub const GET_USER: Procedure = Procedure::new("get_user").docs("Finds a user.").params(&[Param::new("id")]).idempotent();
/// pub const USERS: Contract = Contract::new("Users", &[GET_USER]).docs("Who may use the shop.");
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Contract {
    /// The name, such as `Users`.
    pub name: &'static str,
    /// What it is for; empty if nobody has said.
    pub docs: &'static str,
    /// Its procedures.
    pub procedures: &'static [Procedure],
}

impl Contract {
    /// Names a set of procedures.
    #[must_use]
    pub const fn new(name: &'static str, procedures: &'static [Procedure]) -> Self {
        Self { name, docs: "", procedures }
    }

    /// Says what it is for.
    #[must_use]
    pub const fn docs(mut self, docs: &'static str) -> Self {
        self.docs = docs;
        self
    }
}

/// A procedure: its name, and what else a caller should know of it.
///
/// A name alone is one, too. Write it as a `const`, and share it between [`Methods`](crate::Methods) and the client.
///
/// # Examples
/// ```
/// use misc_rpc::{Param, Procedure};
///
/// const GET_USER: Procedure = Procedure::new("get_user").docs("Finds a user.").params(&[Param::new("id")]).idempotent();
/// assert_eq!(GET_USER.params[0].name, "id");
/// assert_eq!(Procedure::from("version").name, "version");
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Procedure {
    /// The name, as it is called.
    pub name: &'static str,
    /// What it does; empty if nobody has said.
    pub docs: &'static str,
    /// Its parameters in order; empty, too, if nobody has said.
    pub params: &'static [Param],
    /// What its result looks like.
    pub returns: Shape,
    /// Whether it may be called again: doing it twice is doing it once.
    pub idempotent: bool,
    /// Whether it should not be called any more.
    pub deprecated: bool,
}

impl Procedure {
    /// Names a procedure.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, docs: "", params: &[], returns: Shape::ANY, idempotent: false, deprecated: false }
    }

    /// Says what it does.
    #[must_use]
    pub const fn docs(mut self, docs: &'static str) -> Self {
        self.docs = docs;
        self
    }

    /// Names its parameters, in order.
    ///
    /// By them a tuple can be given by name, and a struct by position.
    #[must_use]
    pub const fn params(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }

    /// Says what its result looks like ([`Shape::ANY`]).
    #[must_use]
    pub const fn returns(mut self, shape: Shape) -> Self {
        self.returns = shape;
        self
    }

    /// Declares that it may be called again, as a client does whose call was lost.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Declares that it should not be called any more.
    #[must_use]
    pub const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }
}

impl From<&'static str> for Procedure {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}

/// A parameter of a [`Procedure`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Param {
    /// The name.
    pub name: &'static str,
    /// What it is for; empty if nobody has said.
    pub docs: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// Whether it may be left out.
    pub optional: bool,
}

impl Param {
    /// Names a parameter.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, docs: "", shape: Shape::ANY, optional: false }
    }

    /// Says what it is for.
    #[must_use]
    pub const fn docs(mut self, docs: &'static str) -> Self {
        self.docs = docs;
        self
    }

    /// Says what it looks like ([`Shape::ANY`]).
    #[must_use]
    pub const fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// Lets it be left out, as an `Option` may be.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}
