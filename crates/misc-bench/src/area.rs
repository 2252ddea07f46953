//! An area: what is measured, of whom, and in which cases.

use crate::Error;

/// Everything that is measured together.
#[derive(Debug)]
#[non_exhaustive]
pub struct Area {
    /// The name, which is that of its file.
    pub name: &'static str,
    /// Who takes part; others are shown beside the first.
    pub contenders: &'static [Contender],
    /// The circumstances, each of which is measured by itself.
    pub cases: &'static [&'static str],
    /// Takes a sample.
    pub speed: Probe,
    /// Takes a sample under an allocator that counts, for what times and counting would spoil each other.
    pub weight: Option<Probe>,
    /// Does so many operations, for instructions to be counted.
    pub work: Option<Work>,
    /// Puts load on what a sample serves.
    pub load: Option<Load>,
}

/// One who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contender {
    /// The name, as one word.
    pub name: &'static str,
    /// What it is here for.
    pub role: Role,
}

/// What a contender is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The least that anything could do.
    Limit,
    /// What one would take otherwise.
    Peer,
    /// misc.
    Ours,
}

/// A number of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measure {
    /// The name, as one word.
    pub name: &'static str,
    /// The unit, as one word.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
}

/// Which of two numbers is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Better {
    /// The lower one, as for times.
    Lower,
    /// The higher one, as for rates.
    Higher,
}

/// Takes samples, in a process of its own for each.
#[derive(Debug)]
#[non_exhaustive]
pub struct Probe {
    /// What the area ends with, one line for each.
    pub figures: &'static [Measure],
    /// What only its table shows.
    pub details: &'static [Measure],
    /// Measures a contender in a case: one number for each figure, then for each detail; none if a server that the case needs
    /// does not answer.
    pub take: fn(contender: &str, case: &str) -> Result<Vec<f64>, Error>,
}

/// Does the same again and again, on one thread.
#[derive(Debug)]
#[non_exhaustive]
pub struct Work {
    /// How many operations are enough for the instructions of one to be told.
    pub operations: u32,
    /// Lets a contender do so many.
    pub run: fn(contender: &str, operations: u32) -> Result<(), Error>,
}

/// Puts load on a server, from a process of its own.
#[derive(Debug)]
#[non_exhaustive]
pub struct Load {
    /// Reads the area's own arguments, such as an address, and returns what it has measured.
    pub run: fn(arguments: &[&str]) -> Result<Vec<f64>, Error>,
}

impl Area {
    /// Returns every ours with every peer, and the name of what is told of the two.
    pub(crate) fn pairs(&self) -> Vec<Pair> {
        let of = |role| self.contenders.iter().enumerate().filter(move |(_, contender)| contender.role == role);
        let (several_ours, several_peers) = (of(Role::Ours).count() > 1, of(Role::Peer).count() > 1);
        let pair = |ours: (usize, &Contender), peer: (usize, &Contender)| Pair {
            ours: ours.0,
            peer: peer.0,
            prefix: if several_ours { format!("{}/", ours.1.name) } else { String::new() },
            suffix: if several_peers { format!("/vs-{}", peer.1.name) } else { String::new() },
        };
        of(Role::Ours).flat_map(|ours| of(Role::Peer).map(move |peer| pair(ours, peer))).collect()
    }
}

impl Contender {
    pub(crate) const fn new(name: &'static str, role: Role) -> Self {
        Self { name, role }
    }
}

impl Measure {
    pub(crate) const fn lower(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::Lower }
    }

    pub(crate) const fn higher(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::Higher }
    }
}

/// Two contenders that are compared, by their places.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) ours: usize,
    pub(crate) peer: usize,
    prefix: String,
    suffix: String,
}

impl Pair {
    /// The name of a figure of the two; both where and what may be parts of it.
    pub(crate) fn figure(&self, what: &str) -> String {
        format!("{}{what}{}", self.prefix, self.suffix)
    }
}
