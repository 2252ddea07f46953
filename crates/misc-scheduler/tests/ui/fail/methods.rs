use misc_core::{BoxError, Context};
use misc_scheduler::service;

struct Orders;

#[service]
impl Orders {
    #[task(every = "5s")]
    fn no_async(&self) {}

    #[task(every = "5s")]
    async fn mutable(&mut self) {}

    #[task(every = "5s")]
    async fn by_value(self) {}

    #[task(every = "5s")]
    async fn without_self() {}

    #[task(every = "5s")]
    async fn by_arc(self: std::sync::Arc<Self>) {}

    #[task(every = "5s")]
    async fn argument(&self, _id: u64) {}

    #[task]
    async fn generic<T>(&self, _id: T) {}

    #[task]
    fn wrong_in_three_ways(&mut self, _name: &str) {}

    #[task]
    async fn impl_trait(&self, _name: impl Into<String>) {}

    #[context]
    fn pool(&mut self) -> Result<u8, BoxError> {
        Ok(1)
    }

    #[context]
    async fn nothing(&self) {}

    #[context]
    async fn with_argument(&self, _url: String) -> Result<u8, BoxError> {
        Ok(1)
    }

    fn run(&self) {}
}

struct Other;

#[service]
impl Other {
    #[task]
    async fn fine(&self) {}

    async fn run(&mut self, _: Context) -> Result<(), BoxError> {
        Ok(())
    }
}

fn main() {}
