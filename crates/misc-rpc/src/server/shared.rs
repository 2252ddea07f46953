//! What all clones of a server share.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use misc_core::Meter;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    limits::Limits,
    meters::{Meters, OTHER, Outcome},
};
use crate::{
    contract::Contract,
    methods::{Method, Methods},
    openrpc::{self, Info},
};

/// What answers "what can you do?".
const DISCOVER: &str = "rpc.discover";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The method at this place.
    Method(usize),
    Discover,
    Unknown,
}

/// The methods of a server.
pub(crate) struct Table {
    pub(crate) methods: Vec<Method>,
    pub(crate) contracts: Vec<Contract>,
    /// By name, in order: it takes a few comparisons to find one.
    places: Vec<(&'static str, usize)>,
}

impl Table {
    pub(crate) fn new(Methods { methods, contracts }: Methods) -> Self {
        let places = methods.iter().enumerate().map(|(place, method)| (method.procedure.name, place));
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        Self { methods, contracts, places }
    }
}

/// What users can set.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) timeout: Option<Duration>,
    pub(crate) trusts: bool,
    pub(crate) discovers: bool,
    pub(crate) info: Info,
}

/// What all clones of a server share.
#[derive(Clone)]
pub(crate) struct Shared {
    table: Arc<Table>,
    pub(crate) options: Options,
    meters: Arc<Meters>,
    calls: Arc<AtomicUsize>,
    document: OnceLock<Arc<RawValue>>,
}

impl Shared {
    pub(crate) fn new(table: Table) -> Self {
        let options = Options {
            limits: Limits::default(),
            timeout: None,
            trusts: true,
            discovers: true,
            info: Info::of(&table.contracts),
        };
        let meters = Arc::new(Meters::new(&Meter::default(), 0));
        Self { table: Arc::new(table), options, meters, calls: Arc::default(), document: OnceLock::new() }
    }

    pub(crate) fn set_meter(&mut self, meter: &Meter) {
        self.meters = Arc::new(Meters::new(meter, self.table.methods.len() + 2));
    }

    /// Returns the options to be changed.
    pub(crate) fn options_mut(&mut self) -> &mut Options {
        // They are told in there.
        self.document = OnceLock::new();
        &mut self.options
    }

    pub(crate) fn is_measured(&self) -> bool {
        self.meters.is_enabled()
    }

    /// Finds out what a request asks for.
    pub(crate) fn find(&self, name: &str) -> Target {
        let Table { places, .. } = &*self.table;
        match places.binary_search_by_key(&name, |(name, _)| *name) {
            Ok(at) => Target::Method(places[at].1),
            Err(_) if name == DISCOVER && self.options.discovers => Target::Discover,
            Err(_) => Target::Unknown,
        }
    }

    pub(crate) fn method(&self, target: Target) -> Option<&Method> {
        match target {
            Target::Method(place) => self.table.methods.get(place),
            Target::Discover | Target::Unknown => None,
        }
    }

    /// Returns the name to tell of it, which never comes from outside.
    pub(crate) fn name(&self, target: Target) -> &'static str {
        match target {
            Target::Method(_) => self.method(target).map_or(OTHER, |method| method.procedure.name),
            Target::Discover => DISCOVER,
            Target::Unknown => OTHER,
        }
    }

    /// Returns what `rpc.discover` answers.
    pub(crate) fn document(&self) -> &RawValue {
        self.document.get_or_init(|| openrpc::document(&self.table, &self.options.info).into())
    }

    /// Lets a call begin, if there is room for it.
    pub(crate) fn admit(&self) -> bool {
        let most = self.options.limits.calls.get();
        let more = |calls| (calls < most).then_some(calls + 1);
        self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Makes room for another call.
    pub(crate) fn release(&self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }

    /// Records a call that began then.
    pub(crate) fn record(&self, target: Target, outcome: Outcome, began: Option<Instant>) {
        let Some(began) = began.filter(|_| self.is_measured()) else {
            return;
        };
        let place = match target {
            Target::Method(place) => place,
            Target::Discover => self.table.methods.len(),
            Target::Unknown => self.table.methods.len() + 1,
        };
        self.meters.record(place, self.name(target), outcome, began.elapsed());
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.table.methods.iter().map(|method| method.procedure.name);
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        f.debug_struct("Server").field("methods", &names).field("options", &self.options).finish_non_exhaustive()
    }
}
