//! The start order, checked before anything starts.

use std::collections::HashMap;

use crate::supervisor::Registration;

/// Says what is wrong with the names and edges of an app, and with each of its services.
pub(crate) fn problems(registrations: &[Registration]) -> Vec<String> {
    let mut problems: Vec<_> = registrations.iter().flat_map(Registration::problems).collect();
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (at, registration) in registrations.iter().enumerate() {
        if names.insert(&registration.name, at).is_some() {
            problems.push(format!("two services are named `{}`; rename one", registration.name));
        }
    }
    let graph = Graph::new(registrations, &names, &mut problems);
    problems.extend(graph.cycles().iter().map(|cycle| graph.describe(cycle)));
    problems
}

struct Graph<'a> {
    names: Vec<&'a str>,
    after: Vec<Vec<usize>>,
    implicit: Vec<bool>,
}

impl<'a> Graph<'a> {
    fn new(registrations: &'a [Registration], names: &HashMap<&str, usize>, problems: &mut Vec<String>) -> Self {
        let mut graph = Self { names: Vec::new(), after: Vec::new(), implicit: Vec::new() };
        for (at, registration) in registrations.iter().enumerate() {
            let mut after = Vec::new();
            for name in registration.plan.after.iter().flatten() {
                match names.get(&**name) {
                    Some(&dependency) => after.push(dependency),
                    None => problems.push(unknown(&registration.name, name, registrations)),
                }
            }
            if registration.plan.after.is_none() {
                after.extend(at.checked_sub(1));
            }
            graph.names.push(&registration.name);
            graph.after.push(after);
            graph.implicit.push(registration.plan.after.is_none());
        }
        graph
    }

    /// Finds cycles: services that each start after the next one, the last one after the first.
    fn cycles(&self) -> Vec<Vec<usize>> {
        let mut marks = vec![Mark::New; self.after.len()];
        let mut cycles = Vec::new();
        for start in 0..self.after.len() {
            self.cycles_from(start, &mut marks, &mut cycles);
        }
        cycles
    }

    fn cycles_from(&self, start: usize, marks: &mut [Mark], cycles: &mut Vec<Vec<usize>>) {
        // The way to where we are, each with the number of its edges that were tried.
        let mut way = vec![(start, 0)];
        while let Some((at, tried)) = way.last_mut() {
            let at = *at;
            let next = self.after[at].get(*tried).copied().filter(|_| marks[at] != Mark::Clear);
            *tried += 1;
            let Some(next) = next else {
                marks[at] = Mark::Clear;
                way.pop();
                continue;
            };
            marks[at] = Mark::OnWay;
            match marks[next] {
                Mark::New => way.push((next, 0)),
                Mark::OnWay => cycles.push(way.iter().map(|(id, _)| *id).skip_while(|id| *id != next).collect()),
                Mark::Clear => {}
            }
        }
    }

    fn describe(&self, cycle: &[usize]) -> String {
        let mut text = format!("the start order goes in a circle: `{}`", self.names[cycle[0]]);
        for (at, &id) in cycle.iter().enumerate() {
            let next = cycle[(at + 1) % cycle.len()];
            text.push_str(if at == 0 { " starts after `" } else { ", which starts after `" });
            text.push_str(self.names[next]);
            text.push('`');
            if self.implicit[id] {
                text.push_str(" (implicitly: it was registered just before)");
            }
        }
        text.push_str("; take one of these out with `.after([..])`");
        text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    OnWay,
    Clear,
}

fn unknown(service: &str, dependency: &str, registrations: &[Registration]) -> String {
    let known: Vec<_> = registrations.iter().map(|known| format!("`{}`", known.name)).collect();
    format!("service `{service}` starts after `{dependency}`, which is not registered; there are {}", known.join(", "))
}
