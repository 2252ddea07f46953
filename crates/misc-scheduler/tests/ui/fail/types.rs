use misc_core::BoxError;
use misc_scheduler::service;

struct NoClone;

struct Orders;

#[service]
impl Orders {
    #[task(every = "5s")]
    async fn returns_a_number(&self) -> u64 {
        1
    }

    #[task]
    async fn on_demand_too(&self) -> u64 {
        1
    }

    #[task(every = 5 + 5, timeout = Some("5s"))]
    async fn wrong_types(&self) {}

    #[context]
    async fn pool(&self) -> Result<NoClone, BoxError> {
        Ok(NoClone)
    }
}

fn main() {}
