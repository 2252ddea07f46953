//! What a client knows of a procedure.

/// A procedure, as far as its caller has to know it.
#[derive(Debug, Clone, Copy)]
pub struct Procedure {
    name: &'static str,
    idempotent: bool,
}

impl Procedure {
    /// Names a procedure.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, idempotent: false }
    }

    /// Declares that doing it twice is doing it once.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Tells whether doing it twice is doing it once.
    #[must_use]
    pub const fn is_idempotent(&self) -> bool {
        self.idempotent
    }
}

impl From<&'static str> for Procedure {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}
