//! The state of a whole app, to look at and to draw.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use serde::{Serialize, Serializer};
use tokio::time::Instant;

use crate::{
    error::one_line,
    lifecycle::Phase,
    node::{Edge, Node},
    run::caught,
    scope::{Progress, Scope},
    sockets::Address,
};

/// What an app, a group or a service is doing; serialisable, with all that is inside it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The last part of the path; the app's name for the app.
    pub name: String,
    /// The path, `group/service` inside a group; empty for the app.
    pub path: String,
    /// The phase it is in.
    pub phase: Phase,
    /// For how long it has been in this phase, in seconds.
    #[serde(serialize_with = "as_seconds")]
    pub since: Duration,
    /// How often it was started again.
    pub restarts: u32,
    /// The last error, with its chain, also when a restart has cured it.
    pub last_error: Option<String>,
    /// The addresses it listens on.
    pub addresses: Vec<Address>,
    /// What it waits for now.
    pub waits_for: Vec<String>,
    /// How many tasks it owns.
    pub tasks: usize,
    /// What it starts after.
    pub after: Vec<Dependency>,
    /// What it shows of itself, see [`Context::inspect`](crate::Context::inspect).
    pub inspected: Vec<Inspected>,
    /// The services inside it.
    pub children: Vec<Self>,
}

/// One edge of the start order.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Dependency {
    /// The path of the service that starts first.
    pub path: String,
    /// Whether nobody asked for it: it was registered just before.
    pub implicit: bool,
}

impl Status {
    /// Draws the services and their start order as a graph, in the DOT language of Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        Dot(self).to_string()
    }

    pub(crate) fn of_scope(scope: &Scope, now: Instant) -> Self {
        let Progress { phase, since, .. } = scope.progress();
        Self {
            name: scope.app.to_string(),
            path: scope.path().to_owned(),
            phase,
            since: now.saturating_duration_since(since),
            restarts: 0,
            last_error: None,
            addresses: Vec::new(),
            waits_for: Vec::new(),
            tasks: 0,
            after: Vec::new(),
            inspected: Vec::new(),
            children: Self::tree(scope, now),
        }
    }

    /// Lists the services of a scope, those that were started by another inside that one.
    fn tree(scope: &Scope, now: Instant) -> Vec<Self> {
        let mut tree: Vec<Self> = Vec::new();
        for node in scope.nodes() {
            let status = Self::of_node(&node, now);
            let own = status.path.strip_prefix(scope.path()).unwrap_or_default().trim_start_matches('/');
            let siblings = if own.contains('/') { descend(&mut tree, &status.path) } else { &mut tree };
            siblings.push(status);
        }
        tree
    }

    fn of_node(node: &Arc<Node>, now: Instant) -> Self {
        let facts = node.facts();
        let path = node.path().to_string();
        Self {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path,
            phase: facts.phase,
            since: now.saturating_duration_since(facts.since),
            restarts: facts.restarts,
            last_error: facts.last_error.map(|error| caught(|| one_line(&*error)).unwrap_or_else(|panic| panic)),
            addresses: node.addresses(),
            waits_for: node.waits(),
            tasks: node.task_locations().len(),
            after: facts.after.iter().map(Dependency::from_edge).collect(),
            inspected: node.inspected(),
            children: node.inside().map(|scope| Self::tree(&scope, now)).unwrap_or_default(),
        }
    }
}

impl Dependency {
    fn from_edge(edge: &Edge) -> Self {
        Self { path: edge.path.to_string(), implicit: edge.implicit }
    }
}

/// Finds the children among which a service belongs by its path.
fn descend<'a>(siblings: &'a mut Vec<Status>, path: &str) -> &'a mut Vec<Status> {
    let above = |status: &Status| path.strip_prefix(&*status.path).is_some_and(|rest| rest.starts_with('/'));
    match siblings.iter().position(above) {
        Some(at) => descend(&mut siblings[at].children, path),
        None => siblings,
    }
}

/// Writes a status as a graph.
struct Dot<'a>(&'a Status);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph {} {{\n  rankdir=BT;\n  node [shape=box];", quoted(&self.0.name))?;
        draw_children(self.0, f)?;
        writeln!(f, "}}")
    }
}

fn draw_children(parent: &Status, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for child in &parent.children {
        let path = quoted(&child.path);
        let label = quoted(&format!("{}\n{}", child.name, child.phase));
        writeln!(f, "  {path} [label={label}];")?;
        for edge in &child.after {
            let style = if edge.implicit { " [style=dashed]" } else { "" };
            writeln!(f, "  {path} -> {}{style};", quoted(&edge.path))?;
        }
        if !parent.path.is_empty() {
            writeln!(f, "  {path} -> {} [style=dotted];", quoted(&parent.path))?;
        }
        draw_children(child, f)?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

fn as_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

type AnyValue = Arc<dyn erased_serde::Serialize + Send + Sync>;

/// What a service shows of itself: a name and any value that serialises.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct Inspected {
    /// The name under which it is shown.
    pub name: String,
    #[serde(serialize_with = "erased")]
    value: AnyValue,
}

impl fmt::Debug for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspected").field("name", &self.name).finish_non_exhaustive()
    }
}

fn erased<S: Serializer>(value: &AnyValue, serializer: S) -> Result<S::Ok, S::Error> {
    erased_serde::serialize(&**value, serializer)
}

/// A closure that looks into a service.
#[derive(Clone)]
pub(crate) struct Inspection {
    name: String,
    look: Arc<dyn Fn() -> AnyValue + Send + Sync>,
}

impl Inspection {
    pub(crate) fn new<T>(name: String, look: impl Fn() -> T + Send + Sync + 'static) -> Self
    where
        T: Serialize + Send + Sync + 'static,
    {
        Self { name, look: Arc::new(move || Arc::new(look())) }
    }

    pub(crate) fn look(&self) -> Inspected {
        let value = catch_unwind(AssertUnwindSafe(|| (self.look)()));
        let value = value.unwrap_or_else(|_| Arc::new("(panicked while it was looked at)"));
        Inspected { name: self.name.clone(), value }
    }
}
