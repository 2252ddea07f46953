//! Turns: jobs end, and others are claimed.

use std::{borrow::Cow, cmp::Reverse, collections::HashSet, sync::Arc, time::Duration};

use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{
    Sql,
    failed::Failed,
    query,
    time::{Time, span},
};
use crate::{
    config::Keep,
    engine::{Body, Claim, Claimed, Ended, Ending, Session, Turned, tables::Tables},
    status::{JobId, Reason, State},
};

/// Ends jobs of a session: those that shall be gone are deleted, unless they hold a key for a period. What would go on
/// although somebody has cancelled it is cancelled. Only a running job has a session, and it is found by its id alone.
///
/// Of what is completed there is no more to say than its id: where it is 500 jobs, all else would make for 16 KiB and more,
/// and what does not fit in one record of TLS waits for 40 ms, as sqlx leaves Nagle's algorithm on
/// (<https://github.com/launchbadge/sqlx/issues/4335>).
const END: &str = "
WITH ended AS MATERIALIZED (
    SELECT id, 'completed' AS state, NULL::bigint AS delay, false AS returned, {drops_completed} AS deleted,
        NULL AS reason, NULL AS error
    FROM unnest($2::bigint[]) AS completed(id)
    UNION ALL
    SELECT * FROM unnest($3::bigint[], $4::text[], $5::bigint[], $6::boolean[], $7::boolean[], $8::text[], $9::text[])
), deleted AS (
    {delete}
), updated AS (
    UPDATE {}jobs AS job SET
        state = CASE WHEN job.cancel AND ended.delay IS NOT NULL THEN 'cancelled' ELSE ended.state END,
        attempt = job.attempt - ended.returned::integer,
        due_at = CASE WHEN ended.delay >= 0
            THEN statement_timestamp() + ended.delay * interval '1 microsecond' ELSE job.due_at END,
        finished_at = CASE WHEN ended.delay IS NULL OR job.cancel THEN statement_timestamp() END,
        session = NULL,
        cancel = false,
        unique_key = CASE WHEN ended.delay IS NOT NULL AND NOT job.cancel OR job.unique_until > statement_timestamp()
            THEN job.unique_key END,
        reason = CASE WHEN job.cancel AND ended.delay IS NOT NULL THEN 'cancelled' ELSE ended.reason END,
        error = CASE WHEN ended.state <> 'completed' THEN coalesce(ended.error, job.error) END
    FROM ended
    WHERE job.id = ended.id AND job.session = $1 AND NOT (
        ended.deleted AND (job.unique_until IS NULL OR job.unique_until <= statement_timestamp())
    )
    RETURNING job.id, job.queue, job.state, job.due_at
), outcome AS (
    SELECT array(SELECT id FROM deleted UNION ALL SELECT id FROM updated) AS ids,
        (SELECT count(pg_notify($10, 'q:' || queue))
            FROM (SELECT DISTINCT queue FROM updated WHERE state = 'available') AS told) AS told
)";

/// The part of [`END`] that deletes.
const DELETE: &str = "DELETE FROM {}jobs AS job USING ended
    WHERE job.id = ended.id AND job.session = $1 AND ended.deleted
        AND (job.unique_until IS NULL OR job.unique_until <= statement_timestamp())
    RETURNING job.id";

/// The same where everything is kept: a plan costs as much as there are changes in it, also if nothing is changed.
const KEEP: &str = "SELECT id FROM ended WHERE false";

const ENDED: &str = "
SELECT ids, NULL::bigint, told FROM outcome";

/// Claims of those that can be begun and those that are due by now; the rest of the latter becomes available. A paused
/// queue, and a session that was given up, get nothing. Nothing is locked or written if there is nothing.
///
/// What this statement changes it does not see, so what has just become available is claimed by the next turn.
const CLAIM: &str = ", wanted AS MATERIALIZED (
    SELECT CASE
        WHEN EXISTS (SELECT FROM {}sessions WHERE id = $1)
            AND NOT EXISTS (SELECT FROM {}queues WHERE name = $11 AND paused) THEN $12::bigint
        ELSE 0
    END AS jobs
), due AS MATERIALIZED (
    SELECT id, priority, crashes FROM {}jobs
    WHERE queue = $11 AND state IN ('scheduled', 'retryable') AND due_at <= statement_timestamp()
    ORDER BY due_at LIMIT greatest($12::bigint, 1000) FOR UPDATE SKIP LOCKED
), fresh AS MATERIALIZED (
    SELECT id, priority FROM {}jobs
    WHERE queue = $11 AND state = 'available' AND crashes = 0
    ORDER BY priority DESC, id LIMIT (SELECT jobs FROM wanted) FOR UPDATE SKIP LOCKED
), suspect AS MATERIALIZED (
    SELECT id, priority FROM {}jobs
    WHERE queue = $11 AND state = 'available' AND crashes > 0
    ORDER BY priority DESC, id
    LIMIT (SELECT CASE WHEN $13::boolean AND jobs > 0 THEN 1 ELSE 0 END FROM wanted) FOR UPDATE SKIP LOCKED
), picked AS MATERIALIZED (
    SELECT id FROM (
        SELECT id, priority FROM fresh
        UNION ALL
        SELECT id, priority FROM due WHERE crashes = 0
        UNION ALL
        (SELECT id, priority FROM (
            SELECT id, priority FROM suspect
            UNION ALL
            SELECT id, priority FROM due WHERE crashes > 0 AND $13::boolean
        ) AS one ORDER BY priority DESC, id LIMIT 1)
    ) AS job ORDER BY priority DESC, id LIMIT (SELECT jobs FROM wanted)
), taken AS (
    SELECT id, true AS is_claimed FROM picked
    UNION ALL
    SELECT id, false FROM due WHERE id NOT IN (SELECT id FROM picked)
), changed AS (
    UPDATE {}jobs AS job SET
        state = CASE WHEN is_claimed THEN 'running' ELSE 'available' END,
        session = CASE WHEN is_claimed THEN $1 END,
        attempt = job.attempt + is_claimed::integer,
        started_at = CASE WHEN is_claimed THEN statement_timestamp() ELSE job.started_at END,
        unique_key = CASE WHEN NOT is_claimed OR job.unique_release IS DISTINCT FROM 'started' THEN job.unique_key END
    FROM taken WHERE job.id = taken.id
    RETURNING job.id, payload, attempt, attempts, crashes, priority, pushed_at, due_at, started_at, expires_at, trace,
        is_claimed
), next AS (
    SELECT CASE
        WHEN (SELECT count(*) FROM picked) >= $12::bigint THEN NULL
        WHEN (SELECT count(*) FROM due) >= 1000 THEN statement_timestamp()
        ELSE least(
            (SELECT due_at FROM {}jobs
                WHERE queue = $11 AND state IN ('scheduled', 'retryable') AND due_at > statement_timestamp()
                ORDER BY due_at LIMIT 1),
            (SELECT min(due_at) FROM updated
                WHERE queue = $11 AND state IN ('scheduled', 'retryable', 'available'))
        )
    END AS due_at
)
SELECT ids, (extract(epoch FROM next.due_at - statement_timestamp()) * 1000000)::bigint,
    told + (SELECT count(pg_notify($10, 'q:' || $11)) FROM (SELECT FROM changed WHERE NOT is_claimed LIMIT 1) AS left_over),
    NULL::bigint AS id, NULL::json, NULL::integer, NULL::integer, NULL::integer, NULL::smallint, NULL::timestamptz,
    NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::text
FROM outcome, next
UNION ALL
SELECT NULL, NULL, NULL, {columns} FROM changed WHERE is_claimed";

const HELD: &str = "
SELECT NULL, NULL, NULL, {columns} FROM {}jobs WHERE session = $1 AND state = 'running' AND queue = $2";

/// What [`claimed`] reads, after three columns for something else.
const COLUMNS: &str =
    "id, payload, attempt, attempts, crashes, priority, pushed_at, due_at, started_at, expires_at, trace";

/// How often a turn is made that others were in the way of.
const TRIES: u32 = 5;

/// The statements of turns.
#[derive(Debug)]
pub(super) struct Turning {
    channel: Arc<str>,
    keep: Keep,
    end: Sql,
    pub(super) turn: Sql,
    held: Sql,
}

impl Turning {
    pub(super) fn new(tables: &Tables, keep: &Keep) -> Self {
        let keeps_all = [keep.completed, keep.cancelled, keep.dead].iter().all(|keep| !keep.is_zero());
        let end = END.replace("{delete}", if keeps_all { KEEP } else { DELETE });
        let end = end.replace("{drops_completed}", if keep.completed.is_zero() { "true" } else { "false" });
        Self {
            channel: tables.prefix().into(),
            keep: keep.clone(),
            end: tables.sql(&[&end, ENDED].concat()).into(),
            turn: tables.sql(&[&end, CLAIM].concat().replace("{columns}", COLUMNS)).into(),
            held: tables.sql(&HELD.replace("{columns}", COLUMNS)).into(),
        }
    }

    /// Makes a turn in which nothing ends and nothing is claimed.
    pub(super) async fn rehearse(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let nobody = Session(0);
        let claim = Claim { queue: String::new().into(), jobs: 0, suspect: false };
        self.ask(connection, nobody, &Endings::default(), Some(&claim)).await.map(drop)
    }

    /// Makes a turn, in one round trip.
    pub(super) async fn turn(
        &self,
        connection: &mut PgConnection,
        session: Session,
        ended: &[Ended],
        claim: Option<&Claim>,
    ) -> Result<Turned, Failed> {
        let endings = Endings::new(ended, &self.keep);
        let mut tries = 1;
        let rows = loop {
            match self.ask(connection, session, &endings, claim).await.map_err(Failed::at_commit) {
                Err(failed) if failed.is_conflict() && tries < TRIES => tries += 1,
                rows => break rows?,
            }
        };
        let mut turned = Turned::default();
        for row in &rows {
            match row.try_get::<Option<Vec<i64>>, _>(0)? {
                Some(over) => {
                    turned.lost = lost(ended, over);
                    let next: Option<i64> = row.try_get(1)?;
                    turned.next_due = next.map(|next| Duration::from_micros(next.max(0).unsigned_abs()));
                }
                None => turned.claimed.push(claimed(row)?),
            }
        }
        sort(&mut turned.claimed);
        Ok(turned)
    }

    async fn ask(
        &self,
        connection: &mut PgConnection,
        session: Session,
        endings: &Endings<'_>,
        claim: Option<&Claim>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let asked = query(if claim.is_some() { &self.turn } else { &self.end })
            .bind(session.0)
            .bind(&endings.completed)
            .bind(&endings.ids)
            .bind(&endings.states)
            .bind(&endings.delays)
            .bind(&endings.returned)
            .bind(&endings.deleted)
            .bind(&endings.reasons)
            .bind(&endings.errors)
            .bind(&*self.channel);
        let asked = match claim {
            Some(claim) => {
                let jobs = i64::try_from(claim.jobs).unwrap_or(i64::MAX);
                asked.bind(&*claim.queue).bind(jobs).bind(claim.suspect)
            }
            None => asked,
        };
        asked.fetch_all(connection).await
    }

    /// Returns the running jobs of a session in a queue.
    pub(super) async fn held(
        &self,
        connection: &mut PgConnection,
        session: Session,
        queue: &str,
    ) -> Result<Vec<Claimed>, Failed> {
        let rows = query(&self.held).bind(session.0).bind(queue).fetch_all(connection).await?;
        let mut held = rows.iter().map(claimed).collect::<Result<Vec<_>, _>>()?;
        sort(&mut held);
        Ok(held)
    }
}

/// Endings as a statement takes them: the ids of what is completed, and a column for each that is said of the others.
#[derive(Default)]
struct Endings<'a> {
    completed: Vec<i64>,
    ids: Vec<i64>,
    states: Vec<&'static str>,
    /// After how many microseconds it goes on, -1 for the time it had; `None` if it is over.
    delays: Vec<Option<i64>>,
    returned: Vec<bool>,
    deleted: Vec<bool>,
    reasons: Vec<Option<&'static str>>,
    errors: Vec<Option<Cow<'a, str>>>,
}

impl<'a> Endings<'a> {
    fn new(ended: &'a [Ended], keep: &Keep) -> Self {
        let mut endings = Self::default();
        for ended in ended {
            endings.add(ended.id.0, &ended.ending, keep);
        }
        endings
    }

    fn add(&mut self, id: i64, ending: &'a Ending, keep: &Keep) {
        let (state, delay, reason, error, kept) = match ending {
            Ending::Completed => return self.completed.push(id),
            Ending::Failed { again_after, error } => {
                (after(*again_after, State::Retryable), Some(span(*again_after)), None, Some(error), Duration::MAX)
            }
            Ending::Dead { reason, error } => (State::Dead, None, Some(*reason), Some(error), keep.dead),
            Ending::Cancelled { reason } => (State::Cancelled, None, Some(*reason), None, keep.cancelled),
            Ending::Returned => (State::Available, Some(-1), None, None, Duration::MAX),
            Ending::Postponed { by } => (after(*by, State::Scheduled), Some(span(*by)), None, None, Duration::MAX),
        };
        self.ids.push(id);
        self.states.push(state.as_str());
        self.delays.push(delay);
        self.returned.push(ending.gives_back());
        self.deleted.push(kept.is_zero());
        self.reasons.push(reason.map(Reason::as_str));
        self.errors.push(error.map(|error| text(error)));
    }
}

/// Returns where a job is until it goes on.
fn after(delay: Duration, waiting: State) -> State {
    if delay.is_zero() { State::Available } else { waiting }
}

/// Returns a text as a column takes it, which is without NUL.
fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

fn lost(ended: &[Ended], over: Vec<i64>) -> Vec<JobId> {
    if over.len() == ended.len() {
        return Vec::new();
    }
    let over: HashSet<_> = over.into_iter().map(JobId).collect();
    ended.iter().map(|ended| ended.id).filter(|id| !over.contains(id)).collect()
}

fn claimed(row: &PgRow) -> Result<Claimed, sqlx::Error> {
    let attempt = row.try_get::<i32, _>(5)?.unsigned_abs();
    let Time(due_at) = row.try_get(10)?;
    let Time(started_at) = row.try_get(11)?;
    let expires_at: Option<Time> = row.try_get(12)?;
    Ok(Claimed {
        id: JobId(row.try_get(3)?),
        // JSON comes as its text.
        body: Body::Json(row.try_get_unchecked::<&str, _>(4)?.into()),
        attempt,
        attempts: row.try_get::<Option<i32>, _>(6)?.map(i32::unsigned_abs),
        crashes: row.try_get::<i32, _>(7)?.unsigned_abs(),
        priority: row.try_get(8)?,
        pushed_at: row.try_get::<Time, _>(9)?.0,
        waited: started_at.duration_since(due_at).unwrap_or_default(),
        is_expired: attempt == 1 && expires_at.is_some_and(|Time(expires_at)| expires_at <= started_at),
        trace: row.try_get(13)?,
    })
}

fn sort(claimed: &mut [Claimed]) {
    claimed.sort_by_key(|job| (Reverse(job.priority), job.id));
}
