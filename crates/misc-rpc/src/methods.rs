//! What answers the calls of procedures.

use std::{fmt, future::Future};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    contract::{Contract, Procedure},
    fault::Fault,
    server::{Handler, handler},
};

/// The procedures of a server, each with the function that answers its calls.
///
/// This is what `#[rpc]` makes of a trait, written by hand. A function takes its parameters as one value: a struct, a
/// tuple, or `()` for none. They may come by name or by position, whichever the caller likes, as far as the names are
/// known: those of a struct are, those of a tuple are what [`Procedure::params`] says.
///
/// # Examples
/// ```
/// use misc_rpc::{Methods, Never, Param, Procedure, Server};
///
/// const ADD: Procedure = Procedure::new("add").docs("Adds two numbers.").params(&[Param::new("left"), Param::new("right")]);
///
/// # fn main() -> Result<(), misc_rpc::Refused> {
/// let methods = Methods::new()
///     .method(ADD, async |(left, right): (i64, i64)| Ok::<_, Never>(left + right))
///     .method("version", async |()| Ok::<_, Never>("1.0.0"));
/// let server = Server::new(methods)?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "methods do nothing until a server has them: `Server::new`"]
pub struct Methods {
    pub(crate) methods: Vec<Method>,
    pub(crate) contracts: Vec<Contract>,
}

/// A procedure, and what answers its calls.
pub(crate) struct Method {
    pub(crate) procedure: Procedure,
    /// The place of its contract.
    pub(crate) contract: Option<usize>,
    /// The errors that it declares.
    pub(crate) errors: &'static [(i32, &'static str)],
    pub(crate) handler: Handler,
}

impl Methods {
    /// Begins with none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with none, of a contract whose every procedure is to come.
    ///
    /// The server refuses to be made while one is missing, and `rpc.discover` tells the name and the documentation.
    pub fn of(contract: Contract) -> Self {
        Self { methods: Vec::new(), contracts: vec![contract] }
    }

    /// Adds a procedure, answered by an async closure or function of its parameters.
    pub fn method<P, T, E, F, Fut>(self, procedure: impl Into<Procedure>, answer: F) -> Self
    where
        P: DeserializeOwned + 'static,
        T: Serialize + 'static,
        E: Fault,
        F: Fn(P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.add(procedure.into(), E::CODES, handler(answer))
    }

    /// Adds a procedure whose function gets a clone of `input` for each call, before the parameters.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// use misc_rpc::{Methods, Never};
    ///
    /// let count = Arc::new(AtomicU64::new(0));
    /// let methods = Methods::new().method_with("count", count, async |count: Arc<AtomicU64>, (by,): (u64,)| {
    ///     Ok::<_, Never>(count.fetch_add(by, Ordering::Relaxed) + by)
    /// });
    /// # drop(methods);
    /// ```
    pub fn method_with<I, P, T, E, F, Fut>(self, procedure: impl Into<Procedure>, input: I, answer: F) -> Self
    where
        I: Clone + Send + Sync + 'static,
        P: DeserializeOwned + 'static,
        T: Serialize + 'static,
        E: Fault,
        F: Fn(I, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.add(procedure.into(), E::CODES, handler(move |params| answer(input.clone(), params)))
    }

    /// Adds all procedures of another: several traits on one server.
    pub fn merge(mut self, other: Self) -> Self {
        let before = self.contracts.len();
        self.contracts.extend(other.contracts);
        self.methods.extend(other.methods.into_iter().map(|mut method| {
            method.contract = method.contract.map(|contract| contract + before);
            method
        }));
        self
    }

    /// Returns the procedures, in the order in which they were added.
    pub fn procedures(&self) -> impl Iterator<Item = &Procedure> {
        self.methods.iter().map(|method| &method.procedure)
    }

    fn add(mut self, procedure: Procedure, errors: &'static [(i32, &'static str)], handler: Handler) -> Self {
        let is_of = |contract: &Contract| contract.procedures.iter().any(|of| of.name == procedure.name);
        let contract = self.contracts.iter().position(is_of);
        self.methods.push(Method { procedure, contract, errors, handler });
        self
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.procedures().map(|procedure| procedure.name)).finish()
    }
}
