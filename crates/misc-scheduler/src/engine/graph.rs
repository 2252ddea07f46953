//! Who runs after whom: names that exist, and no circles.

use std::sync::Arc;

use super::{State, parents};
use crate::arm::Arm;

impl State {
    /// Says what is wrong with the order of all tasks.
    pub(super) fn broken_edges(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (id, entry) in &self.tasks {
            let name = &entry.def.name;
            problems.extend(entry.parents().filter_map(|parent| self.unknown(name, parent)));
            let way = self.way_back(entry.parents(), name);
            // A circle is told once, by the task in it that was added first.
            if let Some(way) = way.filter(|way| way.iter().all(|&name| self.names.get(name).is_none_or(|&at| at >= id)))
            {
                problems.push(circle(name, &way));
            }
        }
        problems
    }

    /// Says what would be wrong with the order, if the task had these triggers.
    pub(super) fn broken_edges_of(&self, name: &str, arms: &[Arm]) -> Vec<String> {
        let unknown = parents(arms).filter(|parent| &***parent != name);
        let mut problems: Vec<_> = unknown.filter_map(|parent| self.unknown(name, parent)).collect();
        problems.extend(self.way_back(parents(arms), name).map(|way| circle(name, &way)));
        problems
    }

    fn unknown(&self, name: &str, parent: &Arc<str>) -> Option<String> {
        if self.names.contains_key(parent) || self.refused.contains(parent) {
            return None;
        }
        let mut known: Vec<_> = self.names.keys().filter(|known| ***known != *name).map(|name| &**name).collect();
        known.sort_unstable();
        let known = if known.is_empty() { "no other".to_owned() } else { known.join(", ") };
        Some(format!("task `{name}` runs after `{parent}`, which does not exist; there are {known}"))
    }

    /// Finds a way from some tasks, over those that they run after, to the task of that name.
    fn way_back<'a>(&'a self, from: impl Iterator<Item = &'a Arc<str>>, name: &str) -> Option<Vec<&'a Arc<str>>> {
        let mut ways: Vec<Vec<&Arc<str>>> = from.map(|parent| vec![parent]).collect();
        let mut seen = std::collections::HashSet::new();
        while let Some(way) = ways.pop() {
            let last = *way.last()?;
            if **last == *name {
                return Some(way);
            }
            if seen.insert(last)
                && let Some(&id) = self.names.get(last)
            {
                ways.extend(self.tasks[id].parents().map(|parent| [&way[..], &[parent]].concat()));
            }
        }
        None
    }
}

fn circle(name: &str, way: &[&Arc<str>]) -> String {
    let way: Vec<_> = way.iter().map(|parent| format!("`{parent}`")).collect();
    format!("tasks wait for each other: `{name}` runs after {}; take one of these out", way.join(", which runs after "))
}
