//! What the store remembers for others: keys that are claimed, and values.

use std::time::SystemTime;

use sqlx::Row;

use super::connection::{Connection, Sql};
use crate::{
    clock::{Clock, to_micros},
    engine::tables::Tables,
    error::Error,
};

const CLAIM: &str = "
INSERT INTO {}claims (key, until) VALUES (?1, ?2)
ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE until <= ?3";

const REMEMBER: &str = "
INSERT INTO {}memory (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// The statements of a ledger.
pub(super) struct LedgerSql {
    claim: Sql,
    remember: Sql,
    recall: Sql,
}

impl LedgerSql {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            claim: Sql::new(tables, CLAIM),
            remember: Sql::new(tables, REMEMBER),
            recall: Sql::new(tables, "SELECT value FROM {}memory WHERE key = ?1"),
        }
    }

    pub(super) async fn claim(
        &self,
        writer: &Connection,
        clock: &Clock,
        key: &str,
        until: SystemTime,
    ) -> Result<bool, Error> {
        let mut transaction = writer.begin().await?;
        let claim = self.claim.query().bind(key.to_owned()).bind(to_micros(until)).bind(clock.micros());
        let claimed = transaction.execute(claim).await?;
        transaction.commit().await?;
        Ok(claimed == 1)
    }

    pub(super) async fn remember(&self, writer: &Connection, key: &str, value: &str) -> Result<(), Error> {
        let mut transaction = writer.begin().await?;
        transaction.execute(self.remember.query().bind(key.to_owned()).bind(value.to_owned())).await?;
        transaction.commit().await
    }

    pub(super) async fn recall(&self, reader: &Connection, key: &str) -> Result<Option<String>, Error> {
        let mut held = reader.get().await?;
        let row = held.row(self.recall.query().bind(key.to_owned())).await?;
        let value = held.check(row.map(|row| row.try_get(0)).transpose())?;
        held.done();
        Ok(value)
    }
}
