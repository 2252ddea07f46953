//! What handles ask for at run time.

use std::sync::Arc;

use super::{
    Command, Event, Registration, Reply, Supervisor, Todo,
    entry::{Link, Outcome, Progress, Then},
    start::named,
};
use crate::{
    error::{CommandError, Kind},
    lifecycle::Phase,
    run::Key,
    scope::Scope,
};

/// Where a name leads.
enum Target {
    Here(usize),
    Inside(Arc<Scope>, String),
    Unknown,
}

impl Supervisor {
    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Start { parent, registration, reply } => self.start_dynamic(parent, *registration, reply),
            Command::Stop { name, then, reply } => match self.find(&name) {
                Target::Here(id) if then == Then::Restart => self.restart_one(id, reply),
                Target::Here(id) => self.stop_one(id, reply),
                // A group that has ended drops the reply, and its caller learns that.
                Target::Inside(scope, name) => {
                    drop(scope.mailbox.post(Event::Command(Command::Stop { name, then, reply })));
                }
                Target::Unknown => refuse(reply, self.unknown(&name)),
            },
            Command::Shutdown => self.begin_stop(true),
        }
    }

    /// Finds a service by its name here, or by its path inside a group.
    fn find(&self, name: &str) -> Target {
        if let Some(&id) = self.names.get(name) {
            return Target::Here(id);
        }
        let mut splits = name.rmatch_indices('/').map(|(at, _)| (&name[..at], &name[at + 1..]));
        let inside = splits.find_map(|(group, rest)| {
            let group = &self.entries[*self.names.get(group)?];
            Some(Target::Inside(group.node.inside()?, rest.to_owned()))
        });
        inside.unwrap_or(Target::Unknown)
    }

    fn unknown(&self, name: &str) -> CommandError {
        let known = self.entries.iter().map(|(_, entry)| entry.name.to_string()).collect();
        CommandError::new(Kind::Unknown { app: Arc::clone(&self.scope.app), name: name.to_owned(), known })
    }

    fn start_dynamic(&mut self, parent: Option<Key>, registration: Registration, reply: Reply) {
        match self.check_dynamic(parent, &registration) {
            Ok((parent, after)) => {
                let id = self.admit(registration, parent);
                self.entries[id].dynamic = true;
                self.connect(id, after);
                self.entries[id].start_waiters.push(reply);
                self.todo.push_back(Todo::Start(id));
            }
            Err(error) => refuse(reply, error),
        }
    }

    /// Finds the parent and the dependencies of a service that is to start at run time, or says why it cannot.
    fn check_dynamic(
        &self,
        parent: Option<Key>,
        registration: &Registration,
    ) -> Result<(Option<usize>, Vec<Link>), CommandError> {
        let name = &registration.name;
        let refused = |why: &str| CommandError::new(Kind::Refused(format!("`{name}` was not started: {why}")));
        if !self.stop.is_none() {
            return Err(CommandError::new(Kind::Stopping(Arc::clone(&self.scope.app))));
        }
        let problems = registration.problems();
        if !problems.is_empty() {
            return Err(refused(&problems.join("; ")));
        }
        let running = |id: &usize| self.entries[*id].leaving.is_none() && self.entries[*id].pending.is_none();
        let parent = match parent.map(|key| self.current(key).filter(running)) {
            Some(None) => return Err(refused("its parent is stopping")),
            Some(parent) => parent,
            None => None,
        };
        let full = parent.map_or_else(|| name.clone(), |parent| format!("{}/{name}", self.entries[parent].name));
        if self.names.contains_key(&*full) {
            return Err(refused("a service of that name is there already"));
        }
        let (mut links, above) = (Vec::new(), self.ancestors(parent));
        for name in registration.plan.after.iter().flatten() {
            let link = self.dependency(name, &refused)?;
            if self.starts_after(link.id, &above) {
                return Err(refused(&format!("`{name}`, which it names in `.after`, starts after its parent")));
            }
            // A parent is up already, and waits for its children when it stops.
            links.extend((!above.contains(&link.id)).then_some(link));
        }
        Ok((parent, links))
    }

    /// Returns the parent, its parent, and so on.
    fn ancestors(&self, parent: Option<usize>) -> Vec<usize> {
        std::iter::successors(parent, |&id| self.entries[id].links.parent).collect()
    }

    fn dependency(&self, name: &str, refused: &dyn Fn(&str) -> CommandError) -> Result<Link, CommandError> {
        let id = self.names.get(name).ok_or_else(|| self.unknown(name))?;
        match self.entries[*id].progress {
            Progress::Unmet => Err(refused(&format!("`{name}`, which it starts after, has ended without being ready"))),
            Progress::Pending | Progress::Met => Ok(named(id)),
        }
    }

    fn stop_one(&mut self, id: usize, reply: Reply) {
        if !self.entries[id].is_live() {
            reply.send(Ok(())).unwrap_or_default();
            return;
        }
        self.entries[id].stop_waiters.push(reply);
        self.request(id, Then::Stop);
    }

    fn restart_one(&mut self, id: usize, reply: Reply) {
        let entry = &mut self.entries[id];
        if self.stop.has_begun() {
            let error = CommandError::new(Kind::Stopping(Arc::clone(&self.scope.app)));
            return refuse(reply, error);
        }
        let parent = entry.links.parent.map(|parent| &self.entries[parent]);
        if parent.is_some_and(|parent| parent.leaving.is_some() || parent.pending.is_some()) {
            let why = format!("`{}` was not restarted: its parent is stopping", self.entries[id].node.path());
            return refuse(reply, CommandError::new(Kind::Refused(why)));
        }
        let entry = &mut self.entries[id];
        if !entry.can_restart() && entry.node.phase() != Phase::Waiting {
            let error = CommandError::new(Kind::NotRestartable(Arc::clone(entry.node.path())));
            return refuse(reply, error);
        }
        entry.start_waiters.push(reply);
        entry.attempts.reset();
        if entry.node.phase() != Phase::Waiting {
            // It has all the time of a first start again.
            entry.first_deadline = None;
        }
        self.request(id, Then::Restart);
    }

    /// Asks a service to stop, or to start again, wherever in its life it is.
    pub(super) fn request(&mut self, id: usize, then: Then) {
        let phase = self.entries[id].node.phase();
        match (phase, then) {
            (Phase::Waiting, Then::Restart) => {}
            (Phase::Waiting | Phase::Restarting, Then::Stop) => self.end(id, &Outcome::Stopped),
            (Phase::Restarting, _) => self.start(id, None),
            (Phase::Starting | Phase::Ready, _) => self.request_leave(id, then),
            (Phase::Stopping, _) => {
                if let Some(leaving) = &mut self.entries[id].leaving {
                    leaving.then = then;
                }
            }
            (Phase::Stopped | Phase::Failed, Then::Restart) => {
                self.count_live(id, true);
                self.start(id, None);
            }
            (Phase::Stopped | Phase::Failed | Phase::Waiting, _) => {}
        }
    }

    /// Lets a running service leave, after its children.
    fn request_leave(&mut self, id: usize, then: Then) {
        if self.has_live_children(id, |child| !child.settings.resource) {
            self.entries[id].pending = Some(then);
            self.stop_children(id);
        } else {
            self.leave(id, None, then);
        }
    }
}

fn refuse(reply: Reply, error: CommandError) {
    // An error says that nobody waits any more.
    reply.send(Err(error)).unwrap_or_default();
}
