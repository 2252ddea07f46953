//! Keys that somebody has until a time, and values that are remembered.

use std::time::SystemTime;

use sqlx::{PgConnection, Row as _};

use super::{Sql, failed::Failed, query, time::time};
use crate::engine::tables::Tables;

const CLAIM: &str = "
INSERT INTO {}claims AS claim (key, until) VALUES ($1, 'epoch'::timestamptz + $2 * interval '1 microsecond')
ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE claim.until <= statement_timestamp()
RETURNING key";

const REMEMBER: &str = "
INSERT INTO {}values (key, value, changed_at) VALUES ($1, $2, statement_timestamp())
ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at";

const RECALL: &str = "SELECT value FROM {}values WHERE key = $1";

/// The statements of a ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    claim: Sql,
    remember: Sql,
    recall: Sql,
}

impl Ledger {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            claim: tables.sql(CLAIM).into(),
            remember: tables.sql(REMEMBER).into(),
            recall: tables.sql(RECALL).into(),
        }
    }

    pub(super) async fn claim(
        &self,
        connection: &mut PgConnection,
        key: &str,
        until: SystemTime,
    ) -> Result<bool, Failed> {
        let claim = query(&self.claim).bind(key).bind(time(until)).fetch_optional(connection).await;
        Ok(claim.map_err(Failed::at_commit)?.is_some())
    }

    pub(super) async fn remember(&self, connection: &mut PgConnection, key: &str, value: &str) -> Result<(), Failed> {
        query(&self.remember).bind(key).bind(value).execute(connection).await.map_err(Failed::at_commit)?;
        Ok(())
    }

    pub(super) async fn recall(&self, connection: &mut PgConnection, key: &str) -> Result<Option<String>, Failed> {
        let row = query(&self.recall).bind(key).fetch_optional(connection).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }
}
