//! Why methods are no server.

use std::{collections::HashSet, fmt};

use crate::{contract::Procedure, methods::Methods};

/// Why [`Server::new`](crate::Server::new) refuses methods, or [`Builder::build`](crate::Builder::build) settings: all
/// that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(Vec<String>);

impl Refused {
    /// Returns what is wrong, each with what to do about it.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn of(problems: Vec<String>) -> Self {
        Self(problems)
    }

    /// Looks at all methods.
    pub(crate) fn check(methods: &Methods) -> Result<(), Self> {
        let mut problems = Vec::new();
        let mut seen = HashSet::new();
        let mut told = HashSet::new();
        for procedure in methods.procedures() {
            let name = procedure.name;
            if name.is_empty() {
                problems.push("a method has an empty name; give it one".to_owned());
            } else if !seen.insert(name) && told.insert(name) {
                problems.push(format!("there are several methods `{name}`; rename all but one"));
            }
            if name.starts_with("rpc.") {
                problems.push(format!("method `{name}`: names that begin with `rpc.` are JSON-RPC's own; rename it"));
            }
            check_params(procedure, &mut problems);
        }
        for contract in &methods.contracts {
            let missing = contract.procedures.iter().filter(|procedure| !seen.contains(procedure.name));
            let problem = |procedure: &Procedure| {
                format!("contract `{}`: nothing answers `{}`; add a method", contract.name, procedure.name)
            };
            problems.extend(missing.map(problem));
        }
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }
}

fn check_params(procedure: &Procedure, problems: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for param in procedure.params {
        if param.name.is_empty() {
            problems.push(format!("method `{}`: a parameter has an empty name; give it one", procedure.name));
        } else if !seen.insert(param.name) {
            let (method, param) = (procedure.name, param.name);
            problems.push(format!("method `{method}`: there are several parameters `{param}`; rename all but one"));
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Refused {}
