//! The names of metrics and labels, by the rules of the Prometheus data model.

use std::borrow::Cow;

use crate::error::{Error, Kind};

/// What a sample of a counter ends in.
pub(crate) const TOTAL: &str = "_total";

/// The label of the series that takes what goes beyond the limit; the name is that of the OpenTelemetry SDKs.
pub(crate) const OVERFLOW: &str = "otel_metric_overflow";

/// Returns the full name of a metric. Colons are for recording rules, so they are refused.
pub(crate) fn metric(namespace: &str, name: &str) -> Result<String, Error> {
    if !namespace.is_empty() && !is_valid(namespace) {
        return Err(Kind::Namespace(namespace.to_owned()).into());
    }
    let full = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}_{name}") };
    if name.is_empty() || !is_valid(&full) {
        return Err(Kind::Name(name.to_owned()).into());
    }
    Ok(full)
}

/// Returns what a counter's family is called: `_total` belongs to its samples.
pub(crate) fn without_total(mut name: &str) -> &str {
    while let Some(base) = name.strip_suffix(TOTAL).filter(|base| !base.is_empty()) {
        name = base;
    }
    name
}

/// Checks the labels of a metric.
pub(crate) fn check_labels(metric: &str, labels: &[&str]) -> Result<(), Error> {
    for (at, label) in labels.iter().enumerate() {
        let rule = match *label {
            label if !is_valid(label) => "use ASCII letters, digits and `_`, and no digit first",
            label if label.starts_with("__") => "names that begin with `__` are reserved for Prometheus itself",
            "le" | "quantile" => "it is reserved for histograms and summaries",
            OVERFLOW => "it is reserved for series past the limit",
            _ if labels[..at].contains(label) => {
                let (metric, label) = (metric.to_owned(), (*label).to_owned());
                return Err(Kind::DuplicateLabel { metric, label }.into());
            }
            _ => continue,
        };
        return Err(Kind::Label { metric: metric.to_owned(), label: (*label).to_owned(), rule }.into());
    }
    Ok(())
}

/// Checks a metric's help: it is one line, and not an empty one.
pub(crate) fn check_help(metric: &str, help: &str) -> Result<(), Error> {
    match help.find(['\n', '\r']) {
        Some(at) => Err(Kind::BrokenHelp { metric: metric.to_owned(), at }.into()),
        None if help.trim().is_empty() => Err(Kind::NoHelp(metric.to_owned()).into()),
        None => Ok(()),
    }
}

/// Makes a name from any text, as OpenTelemetry's does for Prometheus: what may not be in it becomes `_`.
pub(crate) fn sanitized(name: &str) -> Cow<'_, str> {
    if is_valid(name) {
        return Cow::Borrowed(name);
    }
    let first = name.starts_with(|first: char| first.is_ascii_digit()).then_some('_');
    let rest = name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' });
    Cow::Owned(first.into_iter().chain(rest).collect())
}

/// The same for a label, which becomes `_` if it has no name. One that is reserved gets the prefix that Prometheus gives
/// to labels in its own way.
pub(crate) fn sanitized_label(name: &str) -> Cow<'_, str> {
    let name = if name.is_empty() { Cow::Borrowed("_") } else { sanitized(name) };
    if matches!(&*name, "le" | "quantile" | OVERFLOW) || name.starts_with("__") {
        return Cow::Owned(format!("exported_{}", name.trim_start_matches('_')));
    }
    name
}

fn is_valid(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
