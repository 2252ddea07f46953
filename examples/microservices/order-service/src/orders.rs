//! The orders.

use contract::{OrderCreated, User};
use misc::{Resource, queue::Queue};
use serde::Serialize;
use sqlx::AnyPool;

use crate::failure::Failure;

/// What somebody has ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    /// Which order it is.
    pub id: String,
    /// Who has ordered.
    pub user_id: i64,
    /// What they have ordered.
    pub item: String,
    /// Whether they were told of it.
    pub notified: bool,
}

/// All orders.
#[derive(Debug, Clone)]
pub struct Orders {
    db: Resource<AnyPool>,
    created: Queue<OrderCreated>,
}

impl Orders {
    /// Keeps orders in a database, and tells the queue of them that is there, too.
    #[must_use]
    pub fn new(db: Resource<AnyPool>, created: Queue<OrderCreated>) -> Self {
        Self { db, created }
    }

    /// Stores an order and the job of it: both of them, or none.
    pub(crate) async fn create(&self, user: &User, item: String) -> Result<Order, Failure> {
        let order = Order { id: format!("{:016x}", fastrand::u64(..)), user_id: user.id, item, notified: false };
        let event = OrderCreated { order: order.id.clone(), item: order.item.clone(), email: user.email.clone() };
        let mut tx = self.db.get().await?.begin().await?;
        sqlx::query("INSERT INTO orders (id, user_id, item, notified) VALUES ($1, $2, $3, 0)")
            .bind(&order.id)
            .bind(order.user_id)
            .bind(&order.item)
            .execute(&mut *tx)
            .await?;
        self.created.push_in(&mut tx, event).await?;
        tx.commit().await?;
        Ok(order)
    }

    /// Finds an order.
    pub(crate) async fn find(&self, id: &str) -> Result<Order, Failure> {
        let row = sqlx::query_as("SELECT user_id, item, notified FROM orders WHERE id = $1").bind(id);
        let row = row.fetch_optional(&self.db.get().await?).await?;
        let (user_id, item, notified): (_, _, i64) = row.ok_or_else(|| Failure::NoOrder(id.to_owned()))?;
        Ok(Order { id: id.to_owned(), user_id, item, notified: notified != 0 })
    }
}
