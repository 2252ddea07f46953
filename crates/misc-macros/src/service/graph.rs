//! Which tasks run after which.

use super::{
    block::Block,
    task::{Parent, Task, To},
};
use crate::{
    errors::Errors,
    keys::{listed, nearest},
};

/// Finds names that two tasks have, that no task has, and tasks that wait for each other.
pub(crate) fn check(block: &Block, errors: &mut Errors) {
    let tasks = &block.tasks;
    for (at, task) in tasks.iter().enumerate() {
        // Of those that are there under a condition, one may be there for the other.
        let is_twin = |other: &&Task| other.name == task.name && other.conditions.is_empty();
        if task.conditions.is_empty() && tasks[..at].iter().any(|other| is_twin(&other)) {
            errors.at(task.method.span(), format!("two tasks are named `{}`: give one a `name`", task.name));
        }
        for parent in &task.parents {
            check_parent(block, parent, errors);
        }
    }
    check_circles(tasks, errors);
}

fn check_parent(block: &Block, parent: &Parent, errors: &mut Errors) {
    let (name, known): (String, Vec<String>) = match &parent.to {
        To::Method(method) => (method.to_string(), block.tasks.iter().map(|task| task.method.to_string()).collect()),
        // The scheduler may have tasks of its own.
        To::Name(_) if block.scheduler.is_some() => return,
        To::Name(name) => (name.clone(), block.tasks.iter().map(|task| task.name.clone()).collect()),
    };
    if !known.contains(&name) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("there is no task `{name}` in this block, but {}", listed(&nearest(&name, &known)));
        errors.at(parent.place, message);
    }
}

/// Finds a task by what another one calls it.
fn find(tasks: &[Task], parent: &Parent) -> Option<usize> {
    tasks.iter().position(|task| match &parent.to {
        To::Method(method) => task.method == *method,
        To::Name(name) => task.name == *name,
    })
}

/// Returns the names of those that a task runs after.
pub(crate) fn parents(tasks: &[Task], task: &Task) -> Vec<String> {
    let name = |parent: &Parent| match (&parent.to, find(tasks, parent)) {
        (_, Some(found)) => Some(tasks[found].name.clone()),
        (To::Name(name), None) => Some(name.clone()),
        (To::Method(_), None) => None,
    };
    task.parents.iter().filter_map(name).collect()
}

/// Finds each circle once, at the task of it that stands first.
fn check_circles(tasks: &[Task], errors: &mut Errors) {
    for start in 0..tasks.len() {
        if let Some(circle) = circle(tasks, start).filter(|circle| circle.iter().all(|task| *task >= start)) {
            let methods: Vec<String> = circle.iter().skip(1).map(|task| format!("`{}`", tasks[*task].method)).collect();
            let message = format!(
                "`{}` runs after {}: none would begin",
                tasks[start].method,
                methods.join(", which runs after ")
            );
            errors.at(tasks[start].place(), message);
        }
    }
}

/// Returns the shortest way from a task back to itself.
fn circle(tasks: &[Task], start: usize) -> Option<Vec<usize>> {
    let mut ways = vec![vec![start]];
    let mut seen = vec![false; tasks.len()];
    let mut next = 0;
    while next < ways.len() {
        let way = ways[next].clone();
        let parents = &tasks[*way.last()?].parents;
        for found in parents.iter().filter_map(|parent| find(tasks, parent)) {
            let longer: Vec<usize> = way.iter().copied().chain([found]).collect();
            if found == start {
                return Some(longer);
            }
            if !std::mem::replace(&mut seen[found], true) {
                ways.push(longer);
            }
        }
        next += 1;
    }
    None
}
