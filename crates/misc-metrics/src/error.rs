//! Why a metric could not be registered.

use crate::catalog::Definition;

/// Why a metric could not be registered; the registry is as it was before.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Kind>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("the namespace `{0}` is not a metric name: use ASCII letters, digits and `_`, and no digit first")]
    Namespace(String),
    #[error("`{0}` is not a metric name: use ASCII letters, digits and `_`, and no digit first")]
    Name(String),
    #[error("metric `{metric}`: `{label}` is not a label name: {rule}")]
    Label { metric: String, label: String, rule: &'static str },
    #[error("metric `{metric}`: the label `{label}` is there twice; name each label once")]
    DuplicateLabel { metric: String, label: String },
    #[error("metric `{metric}`: the help has a line break at byte {at}; write it on one line")]
    BrokenHelp { metric: String, at: usize },
    #[error("metric `{0}`: the help is empty; say in a sentence what is measured")]
    NoHelp(String),
    #[error("metric `{metric}`: the buckets {buckets:?} are wrong: {rule}")]
    Buckets { metric: String, buckets: Vec<f64>, rule: &'static str },
    #[error(
        "`{}` is {there} already, so it cannot be {new}: define it alike in both places, or rename one",
        there.exposed()
    )]
    Clash { there: Definition, new: Definition },
    #[error(
        "`{}`, {new}, and `{}`, {there}, would both write `{sample}`: rename one",
        new.exposed(),
        there.exposed()
    )]
    SampleClash { there: Definition, new: Definition, sample: String },
    #[error(
        "the process has a recorder of the `metrics` facade already: install one registry, once; in tests use \
         `metrics::with_local_recorder`"
    )]
    Taken,
}

impl Error {
    /// Tells whether the namespace, the metric's name or a label's name breaks the rules of the Prometheus data model.
    #[must_use]
    pub fn is_invalid_name(&self) -> bool {
        matches!(*self.0, Kind::Namespace(_) | Kind::Name(_) | Kind::Label { .. } | Kind::DuplicateLabel { .. })
    }

    /// Tells whether the help is empty or has a line break.
    #[must_use]
    pub fn is_invalid_help(&self) -> bool {
        matches!(*self.0, Kind::BrokenHelp { .. } | Kind::NoHelp(_))
    }

    /// Tells whether a histogram's buckets are unsorted, empty, negative or not finite.
    #[must_use]
    pub fn is_invalid_buckets(&self) -> bool {
        matches!(*self.0, Kind::Buckets { .. })
    }

    /// Tells whether another metric has the name, or the name of one of its samples.
    #[must_use]
    pub fn is_clash(&self) -> bool {
        matches!(*self.0, Kind::Clash { .. } | Kind::SampleClash { .. })
    }

    /// Tells whether the process has a global recorder already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(*self.0, Kind::Taken)
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}
