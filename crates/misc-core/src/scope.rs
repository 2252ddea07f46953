//! What an app shares with its handles and contexts while its supervisor runs.

use std::{
    any::{Any, TypeId, type_name},
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, OnceLock},
};

use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

use crate::{
    lifecycle::{Lifecycle, Phase},
    meter::Meter,
    node::Node,
    process::Process,
    reload::Board,
    resource::Provided,
    run::Run,
    sockets::Sockets,
    supervisor::Event,
    sync::{Mailbox, lock},
    trace::Tracer,
};

/// One app, or one group: the part that outlives a borrow of its supervisor.
pub(crate) struct Scope {
    pub(crate) app: Arc<str>,
    pub(crate) mailbox: Mailbox<Event>,
    phase: watch::Sender<Progress>,
    nodes: Mutex<BTreeMap<u64, Arc<Node>>>,
    providers: Mutex<HashMap<TypeId, Vec<Offer>>>,
    place: OnceLock<Place>,
}

/// How far an app has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) since: Instant,
    pub(crate) was_ready: bool,
}

/// Where a scope stands once it runs, and what it got from there.
pub(crate) struct Place {
    /// The run of the group that this scope is the inside of; `None` for the root.
    pub(crate) outer: Option<Arc<Run>>,
    pub(crate) total: Duration,
    pub(crate) drain_delay: Duration,
    pub(crate) shared: Arc<Shared>,
    /// Where services run; the supervisor may be elsewhere.
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) observers: Arc<[Arc<dyn Lifecycle>]>,
    pub(crate) meter: Meter,
    pub(crate) sockets: Arc<dyn Sockets>,
    pub(crate) tracer: Option<Arc<dyn Tracer>>,
}

/// One for the whole tree of an app and its groups.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) root: Arc<str>,
    pub(crate) reloads: Board,
    /// Changes whenever an address is published or a service ends.
    pub(crate) changed: watch::Sender<()>,
    pub(crate) process: Option<Process>,
    /// Where the supervisors of groups run: with that of the root.
    pub(crate) supervisors: tokio::runtime::Handle,
}

impl Shared {
    pub(crate) fn notify_changed(&self) {
        if self.changed.receiver_count() > 0 {
            self.changed.send_replace(());
        }
    }
}

/// Where a path leads.
pub(crate) enum Search {
    Found(Arc<Node>),
    /// Into a group that does not run.
    InsideOf(Arc<Node>),
    Nowhere,
}

struct Offer {
    path: Arc<str>,
    cell: Arc<dyn Any + Send + Sync>,
}

impl Scope {
    pub(crate) fn new(app: &str) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::from(app),
            mailbox: Mailbox::new(),
            phase: watch::Sender::new(Progress { phase: Phase::Waiting, since: Instant::now(), was_ready: false }),
            nodes: Mutex::default(),
            providers: Mutex::default(),
            place: OnceLock::new(),
        })
    }

    /// Gives the scope its place; an app runs once, so this is called once.
    pub(crate) fn settle(&self, place: Place) {
        self.place.get_or_init(|| place);
    }

    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.get()
    }

    pub(crate) fn is_root(&self) -> bool {
        self.outer().is_none()
    }

    pub(crate) fn outer(&self) -> Option<&Arc<Run>> {
        self.place().and_then(|place| place.outer.as_ref())
    }

    /// Returns the path of the group, empty for the root.
    pub(crate) fn path(&self) -> &str {
        self.outer().map_or("", |run| run.node.path())
    }

    /// Returns the full path of a service of this scope.
    pub(crate) fn full_path(&self, name: &str) -> Arc<str> {
        match self.path() {
            "" => Arc::from(name),
            path => Arc::from(format!("{path}/{name}")),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.borrow().phase
    }

    pub(crate) fn progress(&self) -> Progress {
        *self.phase.borrow()
    }

    /// Enters a phase; returns where the app was before.
    pub(crate) fn enter(&self, phase: Phase, since: Instant) -> Progress {
        let was_ready = phase == Phase::Ready || self.phase.borrow().was_ready;
        self.phase.send_replace(Progress { phase, since, was_ready })
    }

    /// Waits until the app is somewhere that `settled` accepts.
    ///
    /// # Cancel safety
    /// Strict.
    pub(crate) async fn progress_until(&self, settled: impl Fn(&Progress) -> bool) -> Progress {
        let mut phase = self.phase.subscribe();
        let reached = phase.wait_for(settled).await.map(|reached| *reached);
        // Cannot fail: `self` holds the sender.
        reached.unwrap_or_else(|_| self.progress())
    }

    pub(crate) fn add_node(&self, order: u64, node: Arc<Node>) {
        lock(&self.nodes).insert(order, node);
    }

    pub(crate) fn remove_node(&self, order: u64) {
        let removed = lock(&self.nodes).remove(&order);
        drop(removed);
    }

    /// Returns the services in the order of registration.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        lock(&self.nodes).values().cloned().collect()
    }

    /// Finds a service by its full path, in this scope or inside a group of it.
    pub(crate) fn search(&self, path: &str) -> Search {
        let mut group = None;
        for node in self.nodes() {
            if **node.path() == *path {
                return Search::Found(node);
            }
            if path.strip_prefix(&**node.path()).is_some_and(|rest| rest.starts_with('/')) {
                group = Some(node);
            }
        }
        let Some(group) = group else {
            return Search::Nowhere;
        };
        match group.inside() {
            Some(inside) => inside.search(path),
            // It may yet start, and then have such a service inside.
            None => Search::InsideOf(group),
        }
    }

    pub(crate) fn offer(&self, type_id: TypeId, path: Arc<str>, cell: Arc<dyn Any + Send + Sync>) {
        lock(&self.providers).entry(type_id).or_default().push(Offer { path, cell });
    }

    pub(crate) fn withdraw(&self, type_id: TypeId, path: &str) {
        if let Some(offers) = lock(&self.providers).get_mut(&type_id) {
            offers.retain(|offer| *offer.path != *path);
        }
    }

    /// Finds the one resource of type `T`, here or in the apps around.
    pub(crate) fn provider<T: 'static>(&self) -> Result<Arc<dyn Any + Send + Sync>, NotProvided> {
        let paths: Vec<String> = match lock(&self.providers).get(&TypeId::of::<T>()).map(Vec::as_slice) {
            None | Some([]) => Vec::new(),
            Some([only]) => return Ok(Arc::clone(&only.cell)),
            Some(offers) => offers.iter().map(|offer| offer.path.to_string()).collect(),
        };
        match self.outer() {
            Some(outer) if paths.is_empty() => outer.scope.provider::<T>(),
            _ => Err(NotProvided { type_name: type_name::<T>(), paths }),
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("app", &self.app).field("path", &self.path()).finish_non_exhaustive()
    }
}

/// An app that has not run yet; dropped like that, it is told to those who wait for it.
#[derive(Debug)]
pub(crate) struct Lease(pub(crate) Arc<Scope>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.mailbox.close();
        if !self.0.phase().is_ended() {
            self.0.enter(Phase::Failed, Instant::now());
        }
        if let Some(place) = self.0.place() {
            place.shared.notify_changed();
        }
    }
}

impl std::ops::Deref for Lease {
    type Target = Arc<Scope>;

    fn deref(&self) -> &Arc<Scope> {
        &self.0
    }
}

/// No resource, or more than one, has the type that was asked for.
#[derive(Debug)]
pub(crate) struct NotProvided {
    pub(crate) type_name: &'static str,
    pub(crate) paths: Vec<String>,
}

/// Tells a resource its name and lets it be found by type.
pub(crate) fn introduce(scope: &Scope, path: &Arc<str>, provider: &crate::service::Provider) {
    let provided: &dyn Provided = &*provider.provided;
    provided.name(path);
    scope.offer(provider.type_id, Arc::clone(path), Arc::clone(&provider.cell));
}
