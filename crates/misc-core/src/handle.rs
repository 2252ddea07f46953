//! The outside of a running app: start, stop, restart, look.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    error::{CommandError, Kind},
    lifecycle::Phase,
    reload,
    run::{self, Key},
    scope::{Progress, Scope, Search},
    service::Service,
    sockets::Address,
    status::Status,
    supervisor::{Command, Event, Registration, Reply, Then},
};

/// A handle on an app, or on a group. Cheap to clone; it may be taken before the app runs.
///
/// Each request is made at the call; the future that it returns only waits for the effect and may be dropped. A
/// service that asks for its own stop, or that of something it is inside of, would wait for itself: that future
/// resolves at once and the request stands. Two services that each wait for the other's stop do wait, until their stop
/// bounds; ask without waiting there.
///
/// Services are named as they are registered, and by path, `group/service`, inside a group.
///
/// # Examples
/// ```
/// use misc_core::{App, Context};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), misc_core::Report> {
/// let app = App::new("shop").service("idle", async |ctx: Context| {
///     ctx.ready();
///     ctx.stopping().await;
///     Ok(())
/// });
/// let handle = app.handle();
/// let watch = async {
///     assert!(handle.ready().await);
///     assert_eq!(handle.list(), ["idle"]);
///     handle.shutdown().await.expect("a clean end");
/// };
/// let (ended, ()) = tokio::join!(app.run(), watch);
/// ended
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) scope: Arc<Scope>,
}

impl Handle {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        Self { scope }
    }

    /// Returns a handle on the whole app, where this one is on a group.
    #[must_use]
    pub fn root(&self) -> Self {
        let mut scope = &self.scope;
        while let Some(outer) = scope.outer() {
            scope = &outer.scope;
        }
        Self::new(Arc::clone(scope))
    }

    /// Starts one more service; the future waits until it is ready.
    ///
    /// Without [`Spec::after`](crate::Spec::after) it waits for nothing. If it fails before it was ever ready, the
    /// error is returned (and logged) and the app goes on; after that its failure is as any other's. It leaves the
    /// list when it ends.
    pub fn start(&self, name: impl Into<String>, service: impl Service) -> Started {
        self.start_child(None, name.into(), service)
    }

    pub(crate) fn start_child(&self, parent: Option<Key>, name: String, service: impl Service) -> Started {
        let registration = Box::new(Registration::new(name, service));
        let reply = self.ask(|reply| Command::Start { parent, registration, reply });
        Started(reply)
    }

    /// Asks one service to stop; the future waits until it has ended.
    ///
    /// The services that start after it are left alone; its children stop with it.
    pub fn stop(&self, name: &str) -> Stopped {
        Stopped(self.ask_to_stop(name, Then::Stop))
    }

    /// Stops one service and starts it again; the future waits until it is ready.
    pub fn restart(&self, name: &str) -> Started {
        Started(self.ask_to_stop(name, Then::Restart))
    }

    /// Asks the whole app, or the group, to stop; the future waits until it has ended.
    pub fn shutdown(&self) -> Stopped {
        // Refused only when it has ended already.
        drop(self.scope.mailbox.post(Event::Command(Command::Shutdown)));
        if self.is_inside("") {
            return Stopped(Answer::Now);
        }
        let scope = Arc::clone(&self.scope);
        Stopped(Answer::Ended(Box::pin(async move {
            match scope.progress_until(|app| app.phase.is_ended()).await.phase {
                Phase::Stopped => Ok(()),
                _ => Err(CommandError::new(Kind::Refused(format!(
                    "app `{}` has stopped, but not cleanly: its report lists why",
                    scope.app
                )))),
            }
        })))
    }

    /// Asks for a reload: what [`Context::reloads`](crate::Context::reloads) gives moves on, as by SIGHUP.
    ///
    /// Returns whether any service has asked for reloads so far; with SIGHUP, `false` means that the app stops.
    pub fn reload(&self) -> bool {
        let root = self.root().scope;
        root.place().is_some() && reload::request(&root)
    }

    /// Returns the paths of all services, in the order of registration, those inside groups after their group.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let mut paths = Vec::new();
        collect_paths(&self.scope, &mut paths);
        paths
    }

    /// Returns the state of the app and of everything in it.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of_scope(&self.scope, Instant::now())
    }

    /// Waits until all services are, or once were, ready; returns `false` when the app stops before that.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn ready(&self) -> bool {
        let settled = |app: &Progress| !matches!(app.phase, Phase::Waiting | Phase::Starting);
        self.scope.progress_until(settled).await.was_ready
    }

    /// Waits until the app begins to stop, or has ended.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn stopping(&self) {
        self.scope.progress_until(|app| app.phase == Phase::Stopping || app.phase.is_ended()).await;
    }

    /// Waits for the real address that a service listens on: the first one, if it has several.
    ///
    /// # Errors
    /// [`CommandError`] when there is no such service, or it has ended, or the app has.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn address(&self, name: &str) -> Result<Address, CommandError> {
        self.scope.progress_until(|app| app.phase != Phase::Waiting).await;
        let path = self.scope.full_path(name);
        let ended = || CommandError::new(Kind::NoAddress(Arc::clone(&path)));
        let mut changed = self.scope.place().ok_or_else(ended)?.shared.changed.subscribe();
        loop {
            match self.scope.search(&path) {
                Search::Found(node) => match node.addresses().into_iter().next() {
                    Some(address) => return Ok(address),
                    None if node.phase().is_ended() => return Err(ended()),
                    None => {}
                },
                Search::InsideOf(group) if !group.phase().is_ended() => {}
                Search::InsideOf(_) | Search::Nowhere => return Err(self.unknown(name)),
            }
            if self.scope.phase().is_ended() || changed.changed().await.is_err() {
                return Err(ended());
            }
        }
    }

    fn unknown(&self, name: &str) -> CommandError {
        let app = Arc::clone(&self.scope.app);
        CommandError::new(Kind::Unknown { app, name: name.to_owned(), known: self.list() })
    }

    fn ask_to_stop(&self, name: &str, then: Then) -> Answer {
        let answer = self.ask(|reply| Command::Stop { name: name.to_owned(), then, reply });
        if self.is_inside(name) { Answer::Now } else { answer }
    }

    fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Answer {
        let (reply, answer) = oneshot::channel();
        // Refused only when the app has ended: the reply is dropped then, and the answer says so.
        drop(self.scope.mailbox.post(Event::Command(command(reply))));
        Answer::Reply(answer, Arc::clone(&self.scope.app))
    }

    /// Tells whether the caller runs inside the service `name` of this scope, or inside this scope for `""`.
    fn is_inside(&self, name: &str) -> bool {
        let Some(run) = run::current() else {
            return false;
        };
        let same_app = Arc::ptr_eq(&Self::new(Arc::clone(&run.scope)).root().scope, &self.root().scope);
        let target = if name.is_empty() { Arc::from(self.scope.path()) } else { self.scope.full_path(name) };
        same_app && is_at_or_under(run.node.path(), &target)
    }
}

fn is_at_or_under(path: &str, target: &str) -> bool {
    target.is_empty() || path.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn collect_paths(scope: &Scope, paths: &mut Vec<String>) {
    for node in scope.nodes() {
        paths.push(node.path().to_string());
        if let Some(inside) = node.inside() {
            collect_paths(&inside, paths);
        }
    }
}

/// Waits until a service is ready; see [`Handle::start`] and [`Handle::restart`].
///
/// # Errors
/// [`CommandError`]: the failure of the service, or why the request was refused.
///
/// # Cancel safety
/// Strict: the request was made already.
#[derive(Debug)]
pub struct Started(Answer);

/// Waits until a service, or an app, has ended; see [`Handle::stop`] and [`Handle::shutdown`].
///
/// # Errors
/// [`CommandError`]: the failure of the service, or why the request was refused.
///
/// # Cancel safety
/// Strict: the request was made already.
#[derive(Debug)]
pub struct Stopped(Answer);

impl Future for Started {
    type Output = Result<(), CommandError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl Future for Stopped {
    type Output = Result<(), CommandError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

enum Answer {
    Now,
    Reply(oneshot::Receiver<Result<(), CommandError>>, Arc<str>),
    Ended(Pin<Box<dyn Future<Output = Result<(), CommandError>> + Send>>),
}

impl Answer {
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), CommandError>> {
        match self {
            Self::Now => Poll::Ready(Ok(())),
            Self::Ended(ended) => ended.as_mut().poll(cx),
            Self::Reply(reply, app) => Pin::new(reply)
                .poll(cx)
                .map(|answer| answer.unwrap_or_else(|_| Err(CommandError::new(Kind::Ended(Arc::clone(app)))))),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
