//! How jobs get in.

use std::{collections::HashMap, sync::Arc};

use sqlx::{Connection as _, PgConnection, Row as _};

use super::{
    Sql,
    failed::Failed,
    query,
    time::{span, time},
};
use crate::{
    engine::{Body, NewJob, tables::Tables},
    error::Error,
    options::{Pushed, Release, When},
    status::JobId,
};

/// Adds jobs that are columns, and leaves out those whose key is taken. Ids are given in the order of the jobs; rows
/// are added in the order of their keys, so that two pushes never wait for each other.
pub(super) const ADD: &str = "
WITH job AS MATERIALIZED (
    SELECT nextval('{}jobs_id_seq') AS id, job.*,
        greatest(statement_timestamp(), coalesce(
            'epoch'::timestamptz + due_at * interval '1 microsecond',
            statement_timestamp() + due_in * interval '1 microsecond'
        )) AS due
    FROM unnest({jobs}) WITH ORDINALITY AS job(
        queue, payload, priority, attempts, due_in, due_at, expires_in, expires_at,
        trace, unique_key, unique_release, unique_for, position
    )
    ORDER BY position
), added AS (
    INSERT INTO {}jobs (
        id, queue, payload, state, priority, attempts, pushed_at, due_at, expires_at,
        trace, unique_key, unique_release, unique_until
    ) OVERRIDING SYSTEM VALUE
    SELECT id, queue, payload::json, CASE WHEN due > statement_timestamp() THEN 'scheduled' ELSE 'available' END,
        priority, attempts, statement_timestamp(), due,
        coalesce(
            'epoch'::timestamptz + expires_at * interval '1 microsecond',
            statement_timestamp() + expires_in * interval '1 microsecond'
        ),
        trace, unique_key, unique_release, statement_timestamp() + unique_for * interval '1 microsecond'
    FROM job ORDER BY unique_key, id
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING id, queue, unique_key
)
";

/// What [`ADD`] takes: columns.
const MANY: &str = "
    $1::text[], $2::text[], $3::smallint[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::text[], $10::text[], $11::text[], $12::bigint[]";

/// What [`ADD`] takes where there are no arrays: one job.
pub(super) const ONE: &str = "
    ARRAY[$1::text], ARRAY[$2::text], ARRAY[$3::smallint], ARRAY[$4::integer], ARRAY[$5::bigint], ARRAY[$6::bigint],
    ARRAY[$7::bigint], ARRAY[$8::bigint], ARRAY[$9::text], ARRAY[$10::text], ARRAY[$11::text], ARRAY[$12::bigint]";

/// What was added.
const ADDED: &str = "
SELECT coalesce(array_agg(id ORDER BY id), ARRAY[]::bigint[]),
    coalesce(array_agg(unique_key ORDER BY id), ARRAY[]::text[]),
    (SELECT count(pg_notify($13, 'q:' || queue)) FROM (SELECT DISTINCT queue FROM added) AS told)
FROM added";

/// What was added, if it was.
pub(super) const ADDED_ONE: &str = "
SELECT (SELECT id FROM added), (SELECT count(pg_notify($13, 'q:' || queue)) FROM added)";

/// A key that is held for a period is given up by whoever wants it after that.
pub(super) const GIVE_UP: &str = "
UPDATE {}jobs SET unique_key = NULL, unique_release = NULL, unique_until = NULL
WHERE unique_key = ANY($1) AND unique_until <= statement_timestamp()";

pub(super) const HOLDERS: &str = "SELECT unique_key, id FROM {}jobs WHERE unique_key = ANY($1)";

/// How often a push is made that others were in the way of.
const TRIES: u32 = 5;

/// The statements of a push.
#[derive(Debug)]
pub(super) struct Pushing {
    channel: Arc<str>,
    insert: Sql,
    give_up: Sql,
    holders: Sql,
}

impl Pushing {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            channel: tables.prefix().into(),
            insert: tables.sql(&[&ADD.replace("{jobs}", MANY), ADDED].concat()).into(),
            give_up: tables.sql(GIVE_UP).into(),
            holders: tables.sql(HOLDERS).into(),
        }
    }

    /// Pushes nothing.
    pub(super) async fn rehearse(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        self.push_on(connection, &Columns::default()).await.map(drop)
    }

    /// Pushes all or none; in one round trip if none of them has a key.
    pub(super) async fn push(&self, connection: &mut PgConnection, jobs: &Columns<'_>) -> Result<Vec<Pushed>, Failed> {
        if !jobs.has_keys() {
            return self.push_on(connection, jobs).await.map_err(Failed::at_commit);
        }
        let mut tries = 1;
        loop {
            match self.push_keys(connection, jobs).await {
                Err(failed) if failed.is_conflict() && tries < TRIES => tries += 1,
                pushed => return pushed,
            }
        }
    }

    async fn push_keys(&self, connection: &mut PgConnection, jobs: &Columns<'_>) -> Result<Vec<Pushed>, Failed> {
        let mut transaction = connection.begin().await?;
        let pushed = self.push_on(&mut transaction, jobs).await?;
        transaction.commit().await.map_err(Failed::at_commit)?;
        Ok(pushed)
    }

    /// Pushes without a transaction of its own.
    pub(super) async fn push_on(
        &self,
        connection: &mut PgConnection,
        jobs: &Columns<'_>,
    ) -> Result<Vec<Pushed>, sqlx::Error> {
        let mut pushed = vec![None; jobs.queues.len()];
        let mut left: Vec<usize> = (0..pushed.len()).collect();
        self.insert(connection, jobs, &left, &mut pushed).await?;
        left.retain(|&job| pushed[job].is_none());
        // It ends: each further round is for a key that another transaction has taken and given up since the last one.
        while !left.is_empty() {
            self.find(connection, jobs, &left, &mut pushed).await?;
            left.retain(|&job| pushed[job].is_none());
            self.insert(connection, &jobs.pick(&left), &left, &mut pushed).await?;
            left.retain(|&job| pushed[job].is_none());
        }
        Ok(pushed.into_iter().flatten().collect())
    }

    async fn insert(
        &self,
        connection: &mut PgConnection,
        jobs: &Columns<'_>,
        places: &[usize],
        pushed: &mut [Option<Pushed>],
    ) -> Result<(), sqlx::Error> {
        let row = query(&self.insert)
            .bind(&jobs.queues)
            .bind(&jobs.payloads)
            .bind(&jobs.priorities)
            .bind(&jobs.attempts)
            .bind(&jobs.due_in)
            .bind(&jobs.due_at)
            .bind(&jobs.expires_in)
            .bind(&jobs.expires_at)
            .bind(&jobs.traces)
            .bind(&jobs.keys)
            .bind(&jobs.releases)
            .bind(&jobs.periods)
            .bind(&*self.channel)
            .fetch_one(connection)
            .await?;
        let ids: Vec<i64> = row.try_get(0)?;
        let keys: Vec<Option<String>> = row.try_get(1)?;
        // Those without a key are all there, in their order; of those with the same one, the first.
        let mut keyless = ids.iter().zip(&keys).filter(|(_, key)| key.is_none()).map(|(id, _)| *id);
        let mut keyed: HashMap<&str, i64> =
            ids.iter().zip(&keys).filter_map(|(id, key)| Some((key.as_deref()?, *id))).collect();
        for (place, key) in places.iter().zip(&jobs.keys) {
            let id = key.map_or_else(|| keyless.next(), |key| keyed.remove(key));
            pushed[*place] = id.map(|id| Pushed { id: JobId(id), is_duplicate: false });
        }
        Ok(())
    }

    /// Finds the jobs whose keys were taken, unless they have given them up meanwhile.
    async fn find(
        &self,
        connection: &mut PgConnection,
        jobs: &Columns<'_>,
        places: &[usize],
        pushed: &mut [Option<Pushed>],
    ) -> Result<(), sqlx::Error> {
        let keys: Vec<&str> = places.iter().filter_map(|&place| jobs.keys[place]).collect();
        query(&self.give_up).bind(&keys).execute(&mut *connection).await?;
        let rows = query(&self.holders).bind(&keys).fetch_all(connection).await?;
        let mut holders = HashMap::new();
        for row in &rows {
            holders.insert(row.try_get::<&str, _>(0)?, row.try_get::<i64, _>(1)?);
        }
        for &place in places {
            let holder = jobs.keys[place].and_then(|key| holders.get(key));
            pushed[place] = holder.map(|&id| Pushed { id: JobId(id), is_duplicate: true });
        }
        Ok(())
    }
}

/// Jobs as a statement takes them: a column for each that is said of them.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    queues: Vec<&'a str>,
    payloads: Vec<&'a str>,
    priorities: Vec<i16>,
    attempts: Vec<Option<i32>>,
    due_in: Vec<Option<i64>>,
    due_at: Vec<Option<i64>>,
    expires_in: Vec<Option<i64>>,
    expires_at: Vec<Option<i64>>,
    traces: Vec<Option<&'a str>>,
    keys: Vec<Option<&'a str>>,
    releases: Vec<Option<&'static str>>,
    periods: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(jobs: &'a [NewJob]) -> Result<Self, Error> {
        let mut columns = Self::default();
        for job in jobs {
            columns.queues.push(&job.queue);
            columns.payloads.push(json(&job.body)?);
            columns.priorities.push(job.priority);
            columns.attempts.push(job.attempts.map(attempts));
            let (due_in, due_at) = when(job.when);
            columns.due_in.push(due_in);
            columns.due_at.push(due_at);
            let (expires_in, expires_at) = job.expires.map_or((None, None), when);
            columns.expires_in.push(expires_in);
            columns.expires_at.push(expires_at);
            columns.traces.push(job.trace.as_deref());
            columns.keys.push(job.unique.as_ref().map(|unique| &*unique.key));
            let (release, period) = job.unique.as_ref().map_or((None, None), |unique| release(unique.release));
            columns.releases.push(release);
            columns.periods.push(period);
        }
        Ok(columns)
    }

    fn has_keys(&self) -> bool {
        self.keys.iter().any(Option::is_some)
    }

    /// Returns some of them.
    fn pick(&self, places: &[usize]) -> Self {
        Self {
            queues: pick(&self.queues, places),
            payloads: pick(&self.payloads, places),
            priorities: pick(&self.priorities, places),
            attempts: pick(&self.attempts, places),
            due_in: pick(&self.due_in, places),
            due_at: pick(&self.due_at, places),
            expires_in: pick(&self.expires_in, places),
            expires_at: pick(&self.expires_at, places),
            traces: pick(&self.traces, places),
            keys: pick(&self.keys, places),
            releases: pick(&self.releases, places),
            periods: pick(&self.periods, places),
        }
    }
}

fn pick<T: Copy>(column: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|&place| column[place]).collect()
}

/// Returns the payload as it is written down.
pub(super) fn json(body: &Body) -> Result<&str, Error> {
    match body {
        Body::Json(json) => Ok(json),
        Body::Value(_) => Err(Error::refused("a job that is not written as JSON can only be kept in memory")),
    }
}

/// Returns a number of attempts as large as a column takes it.
pub(super) fn attempts(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}

/// Returns a time as one from now on, or as one since 1970, in microseconds.
pub(super) fn when(when: When) -> (Option<i64>, Option<i64>) {
    match when {
        When::Now => (Some(0), None),
        When::In(delay) => (Some(span(delay)), None),
        When::At(at) => (None, Some(time(at))),
    }
}

/// Returns how it is written down when a key is given up, and after how many microseconds if that is said.
pub(super) fn release(release: Release) -> (Option<&'static str>, Option<i64>) {
    match release {
        Release::Done => (Some("done"), None),
        Release::Started => (Some("started"), None),
        Release::After(period) => (Some("period"), Some(span(period))),
    }
}
