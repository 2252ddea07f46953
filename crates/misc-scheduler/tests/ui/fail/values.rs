use misc_scheduler::service;

struct Orders;

#[service]
impl Orders {
    #[task(every = "5")]
    async fn no_unit(&self) {}

    #[task(every = 5)]
    async fn number(&self) {}

    #[task(interval = "1d", start_time = "25:00")]
    async fn no_hour(&self) {}

    #[task(daily = "9 am", timeout = "soon")]
    async fn two_at_once(&self) {}

    #[task(every = "5s", overlap = "skp", misfire = "never", on_stop = "drain(5s)", on_failure = "fail_service(x)")]
    async fn words(&self) {}

    #[task(every = "5s", overlap = "allow", on_stop = "drain_for(5)", retry = "3")]
    async fn arguments(&self) {}

    #[task(every = "5s", overlap = 3)]
    async fn no_word(&self) {}

    #[task(after = no_word, on = "error")]
    async fn outcome(&self) {}

    #[task(every = "5s", name = 5)]
    async fn name(&self) {}
}

fn main() {}
