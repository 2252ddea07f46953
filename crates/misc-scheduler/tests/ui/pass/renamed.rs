#![deny(warnings)]

// As a crate does that hands misc-scheduler on to its users.
mod toolkit {
    pub use misc_scheduler as tasks;
}

struct Orders;

#[toolkit::tasks::service(crate = "crate::toolkit::tasks")]
impl Orders {
    #[context]
    async fn pool(&self) -> Result<u8, String> {
        Ok(1)
    }

    #[task(daily = "09:00", tz = "Europe/Berlin")]
    async fn report(&self) -> Result<(), toolkit::tasks::NotOpen> {
        self.pool().await.map(drop)
    }
}

fn main() {
    let (tasks, _service) = Orders.with_tasks();
    assert_eq!(tasks.list().len(), 1);
}
