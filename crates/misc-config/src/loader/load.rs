//! How a loader loads: it asks, makes one of the answers, reads that, and checks the rules.

use std::{
    env::consts::EXE_SUFFIX, ffi::OsStr, future::poll_fn, marker::PhantomData, path::Path, sync::Arc, task::Poll,
};

use clap::{ArgMatches, Command};
use tokio::time::timeout;

use super::Loader;
use crate::{
    builtin::Builtin,
    cli::Typed,
    config::Config,
    error::{Error, Problem},
    json_schema::json_schema,
    keys::Keys,
    layer::Layer,
    plan::{Settled, parts_of},
    print::print,
    read::{read, read_beside},
    template::template,
    told,
    validate::Invalid,
};

impl<T: Config, S> Loader<T, S> {
    /// Reads the command line, if it is to be read.
    pub(super) fn ask(&self) -> Result<Asked, Error> {
        let keys = self.plan.keys()?;
        let args = self.plan.args.as_ref();
        let typed = args.map(|args| self.plan.cli.parse(&keys, args.iter().cloned())).transpose()?;
        match typed.as_ref().and_then(|typed| typed.builtin) {
            Some(Builtin::ConfigTemplate) => Err(Error::instead(0, template(self.plan.kind, &keys))),
            Some(Builtin::ConfigSchema) => Err(Error::instead(0, json_schema(self.plan.kind, &self.plan.cli.name))),
            _ => Ok(Asked { keys, typed }),
        }
    }

    /// Asks every source.
    pub(super) async fn fetch(&self) -> Result<Vec<Layer>, Error> {
        let mut layers = Vec::new();
        for source in &self.sources {
            let asked = timeout(self.source_timeout, source.load()).await;
            let answered = asked.unwrap_or_else(|_| Err("it did not answer in time".into()));
            layers.push(answered.map_err(|error| unanswered(&*error))?);
        }
        Ok(layers)
    }

    /// Makes settings of everything that was asked.
    pub(super) fn finish(&self, asked: &Asked, fetched: &[Layer]) -> Result<(T, Settled), Error> {
        let settled = self.plan.settle(&asked.keys, asked.typed.as_ref(), fetched);
        settled.warnings.iter().for_each(|warning| told::warn(warning));
        let value = self.value_of(&settled);
        match asked.typed.as_ref().and_then(|typed| typed.builtin) {
            Some(Builtin::ExplainConfig) => return Err(explained(&settled, value.err())),
            Some(Builtin::PrintConfig) => {
                return Err(value.err().unwrap_or_else(|| Error::instead(0, print(self.plan.kind, settled.table()))));
            }
            Some(Builtin::CheckConfig) => {
                return Err(value.err().unwrap_or_else(|| Error::instead(0, "the configuration is valid")));
            }
            _ => {}
        }
        let value = value?;
        for (source, layer) in self.sources.iter().zip(fetched) {
            source.accepted(layer);
        }
        Ok((value, settled))
    }

    fn value_of(&self, settled: &Settled) -> Result<T, Error> {
        let problems = match &*settled.problems {
            [] => match read::<T>(&settled.effective) {
                Ok(value) => match self.broken_rules(&value, settled) {
                    problems if problems.is_empty() => return Ok(value),
                    problems => problems,
                },
                Err(unreadable) => {
                    unreadable.into_iter().map(|wrong| settled.problem(wrong.parts, wrong.message)).collect()
                }
            },
            known => {
                let paths: Vec<_> = known.iter().map(Problem::path).collect();
                let others =
                    if paths.contains(&"") { Vec::new() } else { read_beside::<T>(&settled.effective, &paths) };
                let others = others.into_iter().map(|wrong| settled.problem(wrong.parts, wrong.message));
                known.iter().cloned().chain(others).collect()
            }
        };
        Err(Error::invalid(settled.in_order(problems)))
    }

    fn broken_rules(&self, value: &T, settled: &Settled) -> Vec<Problem> {
        let mut invalid = Invalid::default();
        value.validate(&mut invalid);
        for rule in &self.rules {
            if let Err(broken) = rule(value) {
                invalid.merge(broken);
            }
        }
        invalid.problems().map(|(path, message)| settled.problem(parts_of(path), message.to_owned())).collect()
    }

    /// Adds the program's own arguments to the command line.
    pub(super) fn with_args(mut self, augment: fn(Command) -> Command) -> Self {
        self.plan.cli.user = Some(Box::new(augment));
        if self.plan.args.is_some() { self } else { self.cli() }
    }

    pub(super) fn forget_state(self) -> Loader<T, ()> {
        self.in_state()
    }

    pub(super) fn in_state<R>(self) -> Loader<T, R> {
        let Self { plan, sources, source_timeout, rules, .. } = self;
        Loader { plan, sources, source_timeout, rules, marker: PhantomData }
    }
}

impl<T: Config> Loader<T, ()> {
    /// Waits until one of the sources may have something else.
    pub(crate) async fn changed(&self) {
        let mut waiting: Vec<_> = self.sources.iter().map(|source| source.changed()).collect();
        poll_fn(|cx| {
            let ready = waiting.iter_mut().any(|changed| changed.as_mut().poll(cx).is_ready());
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Loads again what was asked before.
    pub(crate) async fn reload(&self, asked: &Asked) -> Result<(T, Settled), Error> {
        let fetched = self.fetch().await?;
        self.finish(asked, &fetched)
    }
}

/// What the command line has said.
pub(crate) struct Asked {
    keys: Arc<Keys>,
    typed: Option<Typed>,
}

impl Asked {
    pub(super) fn args<A: clap::Args>(&self) -> Result<A, Error> {
        let matches = self.typed.as_ref().map(|typed| &typed.matches);
        let args = matches.map(A::from_arg_matches).unwrap_or_else(|| A::from_arg_matches(&ArgMatches::default()));
        args.map_err(|error| Error::instead(2, error.to_string().trim_end()))
    }
}

/// Names the program by the first part of its command line.
pub(super) fn program(path: &OsStr) -> Option<String> {
    let name = Path::new(path).file_name()?.to_str()?;
    Some(name.strip_suffix(EXE_SUFFIX).unwrap_or(name).to_owned())
}

/// A source that tells what is wrong with its settings does so itself.
fn unanswered(error: &(dyn std::error::Error + 'static)) -> Error {
    match error.downcast_ref::<Error>() {
        Some(error) => Error::invalid(error.problems().to_vec()),
        None => Error::invalid(vec![Problem::new("", format!("a source cannot be asked: {}", told::why(error)))]),
    }
}

/// Shows where everything comes from, also where something is wrong with it.
fn explained(settled: &Settled, error: Option<Error>) -> Error {
    let table = settled.explain().to_string();
    match error {
        None => Error::instead(0, table),
        Some(error) => error.after(&table),
    }
}
