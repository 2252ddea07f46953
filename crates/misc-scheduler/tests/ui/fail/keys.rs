use misc_core::App;
use misc_scheduler::service;

struct Orders;

#[service(handle = Handle)]
impl Orders {
    #[task(evry = "5s")]
    async fn misspelt(&self) {}

    #[task(every = "5s", every = "6s")]
    async fn twice(&self) {}

    #[task(every)]
    async fn without_a_value(&self) {}

    #[task(once = true)]
    async fn with_a_value(&self) {}

    #[task = "5s"]
    async fn no_list(&self) {}

    #[task(every = "5s" timeout = "1s")]
    async fn no_comma(&self) {}

    #[context(closes = drop)]
    async fn pool(&self) -> Result<u8, String> {
        Ok(1)
    }
}

// Nothing else is wrong: not that it is no service, nor that a task is missing.
fn main() {
    drop(App::new("shop").service("orders", Orders));
    let (tasks, _service) = Orders.with_tasks();
    drop(tasks.list());
}
