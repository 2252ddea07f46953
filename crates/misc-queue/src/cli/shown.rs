//! What operators are shown.

use std::{
    fmt,
    io::Write,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::status::{JobStatus, PayloadJson, QueueStatus, writable};

pub(super) fn queues(queues: &[QueueStatus], json: bool, out: &mut Vec<u8>) {
    if json {
        return queues.iter().for_each(|queue| object(queue, out));
    }
    if queues.is_empty() {
        return line(out, format_args!("no job waits, runs or is dead"));
    }
    let header = ["queue", "scheduled", "available", "running", "retryable", "dead", "oldest", ""].map(str::to_owned);
    let rows = queues.iter().map(|queue| {
        let counts = [queue.scheduled, queue.available, queue.running, queue.retryable, queue.dead];
        let [scheduled, available, running, retryable, dead] = counts.map(|jobs| jobs.to_string());
        let oldest = queue.oldest.map_or_else(String::new, span);
        let paused = if queue.is_paused { "paused" } else { "" };
        [queue.name.clone(), scheduled, available, running, retryable, dead, oldest, paused.to_owned()]
    });
    table(std::iter::once(header).chain(rows).collect(), out);
}

pub(super) fn jobs(jobs: &[JobStatus], json: bool, out: &mut Vec<u8>) {
    if json {
        return jobs.iter().for_each(|job| object(job, out));
    }
    if jobs.is_empty() {
        return line(out, format_args!("there are no such jobs"));
    }
    let header = ["id", "queue", "state", "attempt", "due", "why"].map(str::to_owned);
    let rows = jobs.iter().map(|job| {
        let id = job.id.to_string();
        [id, job.queue.clone(), job.state.to_string(), job.attempt.to_string(), time(job.due_at), why(job)]
    });
    table(std::iter::once(header).chain(rows).collect(), out);
}

/// Says why a job is what it is, as far as there is room.
fn why(job: &JobStatus) -> String {
    let reason = job.reason.map(|reason| reason.to_string());
    let error = job.error.as_deref().map(|error| error.chars().take(60).collect());
    [reason, error].into_iter().flatten().collect::<Vec<String>>().join(": ")
}

pub(super) fn job(job: &JobStatus, payload: bool, json: bool, out: &mut Vec<u8>) {
    let payload = job.payload.as_ref().filter(|_| payload);
    if json {
        return object(&Whole { job, payload: payload.map(PayloadJson::as_str) }, out);
    }
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line(out, format_args!("{name:<9} {value}"));
        }
    };
    fact("job", Some(job.id.to_string()));
    fact("queue", Some(job.queue.clone()));
    fact("state", Some(job.state.to_string()));
    fact("reason", job.reason.map(|reason| reason.to_string()));
    fact("error", job.error.clone());
    fact(
        "attempt",
        Some(match job.attempts {
            Some(attempts) => format!("{} of {attempts}", job.attempt),
            None => job.attempt.to_string(),
        }),
    );
    fact("crashes", (job.crashes > 0).then(|| job.crashes.to_string()));
    fact("priority", Some(job.priority.to_string()));
    fact("pushed", Some(time(job.pushed_at)));
    fact("due", Some(time(job.due_at)));
    fact("started", job.started_at.map(time));
    fact("finished", job.finished_at.map(time));
    fact("expires", job.expires_at.map(time));
    fact("payload", payload.map(|payload| payload.as_str().to_owned()));
}

/// A job with what it is about, as JSON.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    job: &'a JobStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
}

fn object(value: &impl Serialize, out: &mut Vec<u8>) {
    match serde_json::to_string(value) {
        Ok(json) => line(out, format_args!("{json}")),
        Err(error) => line(out, format_args!("{{\"error\":\"{error}\"}}")),
    }
}

pub(super) fn line(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Cannot fail: it is written to memory.
    writeln!(out, "{text}").ok();
}

/// Writes rows with columns as wide as what is in them.
fn table<const COLUMNS: usize>(rows: Vec<[String; COLUMNS]>, out: &mut Vec<u8>) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        line(out, format_args!("{}", cells.collect::<Vec<_>>().join("  ").trim_end()));
    }
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(writable(time)).to_string()
}

fn span(span: Duration) -> String {
    humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
}
