//! What an answer says: JSON, or lines.

use std::{fmt::Write as _, time::UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use serde::{Serialize, Serializer};

use crate::{
    endpoint::{Details, Words},
    report::{Component, Report, Status},
};

/// A report as it is shown to somebody.
pub(crate) struct Document<'a> {
    pub(crate) report: &'a Report,
    pub(crate) words: Option<&'a Words>,
    pub(crate) details: Details,
}

impl Document<'_> {
    /// Writes it as `draft-inadarei-api-health-check-06` has it.
    pub(crate) fn to_json(&self) -> String {
        let status = self.word(self.report.status());
        let checks = (self.details > Details::Nothing && !self.report.components().is_empty()).then_some(Checks(self));
        // Cannot fail: there are only texts and numbers.
        serde_json::to_string(&Root { status, checks }).unwrap_or_default()
    }

    /// Writes it as the Kubernetes API server does for `?verbose`.
    pub(crate) fn to_lines(&self, path: &str) -> String {
        let mut text = String::new();
        let shown = self.report.components().iter().filter(|_| self.details > Details::Nothing);
        for component in shown {
            let (mark, how) = match component.status() {
                Status::Pass => ("[+]", "ok"),
                Status::Warn => ("[!]", "warning: "),
                Status::Fail => ("[-]", "failed: "),
            };
            let reason = match component.status() {
                Status::Pass => "",
                _ => self.reason(component).unwrap_or("reason withheld"),
            };
            // Cannot fail: a string takes everything.
            writeln!(text, "{mark}{} {how}{}", component.name(), OneLine(reason)).unwrap_or_default();
        }
        let passed = if self.report.is_healthy() { "passed" } else { "failed" };
        writeln!(text, "{path} check {passed}").unwrap_or_default();
        text
    }

    fn word(&self, status: Status) -> &str {
        match self.words {
            None => status.as_str(),
            Some(words) if status < Status::Fail => &words.pass,
            Some(words) => &words.fail,
        }
    }

    fn reason<'c>(&self, component: &'c Component) -> Option<&'c str> {
        if self.details < Details::Errors { component.public_reason() } else { component.reason() }
    }
}

#[derive(Serialize)]
struct Root<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks<'a>>,
}

struct Checks<'a>(&'a Document<'a>);

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = self.0;
        let entry = |component| [Entry::new(document, component)];
        serializer
            .collect_map(document.report.components().iter().map(|component| (component.name(), entry(component))))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn new(document: &'a Document<'_>, component: &'a Component) -> Self {
        Self {
            status: document.word(component.status()),
            time: component.result.map(|result| format_rfc3339_seconds(result.at.max(UNIX_EPOCH)).to_string()),
            observed_value: component.result.map(|result| result.took.as_micros() as f64 / 1e3),
            observed_unit: component.result.map(|_| "ms"),
            output: document.reason(component),
        }
    }
}

/// Writes text without what would end the line.
struct OneLine<'a>(&'a str);

impl std::fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters = self.0.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        letters.into_iter().try_for_each(|letter| f.write_char(letter))
    }
}
