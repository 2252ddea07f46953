//! What is done about each order that was created.

use std::sync::Arc;

use contract::OrderCreated;
use misc::{BoxError, Resource, queue::Job};
use sqlx::AnyPool;

use crate::mail::{Mail, Mailer};

/// What it takes to tell a customer.
#[derive(Debug)]
pub struct Notifier<M> {
    db: Resource<AnyPool>,
    mailer: Arc<M>,
}

impl<M: Mailer> Notifier<M> {
    /// Sends mails, and writes down in the database that they were sent.
    #[must_use]
    pub fn new(db: Resource<AnyPool>, mailer: M) -> Self {
        Self { db, mailer: Arc::new(mailer) }
    }
}

/// Tells a customer of an order.
///
/// It may be called more than once for one order, since the process can die at any point of it. So the mail has an id, by
/// which it is sent once.
///
/// # Errors
/// The mail was not sent, or that could not be written down; then it is tried again.
pub async fn notify<M: Mailer>(notifier: Notifier<M>, created: Job<OrderCreated>) -> Result<(), BoxError> {
    let mail = Mail {
        id: format!("order-{}", created.order),
        to: created.email.clone(),
        text: format!("Your order {} was created: {}.", created.order, created.item),
    };
    notifier.mailer.send(&mail).await?;
    let done = sqlx::query("UPDATE orders SET notified = 1 WHERE id = $1").bind(&created.order);
    done.execute(&notifier.db.get().await?).await?;
    Ok(())
}

impl<M> Clone for Notifier<M> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), mailer: Arc::clone(&self.mailer) }
    }
}
