use misc_scheduler::service;

struct Orders;

#[service]
impl Orders {
    #[task(every = "5s", name = "poll")]
    async fn monitor_metrics(&self) {}

    #[task(after = monitor_metrcs)]
    async fn typo(&self) {}

    #[task(after = [monitor_metrics, Self::helper])]
    async fn no_task(&self) {}

    #[task(after = "monitor_metrics")]
    async fn by_another_name(&self) {}

    #[task(after = [])]
    async fn nobody(&self) {}

    #[task(after = 5)]
    async fn number(&self) {}

    #[task(after = Orders::monitor_metrics)]
    async fn path(&self) {}

    #[task(after = itself)]
    async fn itself(&self) {}

    #[task(after = second)]
    async fn first(&self) {}

    #[task(after = [monitor_metrics, third])]
    async fn second(&self) {}

    #[task(after = "first")]
    async fn third(&self) {}

    #[task(name = "first")]
    async fn twin(&self) {}

    fn helper(&self) {}
}

fn main() {}
