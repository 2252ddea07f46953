use misc_scheduler::service;

struct Orders;

#[service]
impl Orders {
    #[task(every = "5s", daily = "09:00")]
    async fn two(&self) {}

    #[task(every = "5s")]
    #[task(daily = "09:00")]
    async fn two_attributes(&self) {}

    #[task(every = "5s", background)]
    async fn background(&self) {}

    #[task(start_time = "09:00")]
    async fn no_interval(&self) {}

    #[task(every = "5s", tz = "UTC")]
    async fn no_start(&self) {}

    #[task(once, tz = "UTC", limit = 3)]
    async fn options(&self) {}

    #[task(daily = "09:00", aligned, on = "failure")]
    async fn more_options(&self) {}

    #[task(misfire = "once", grace = "1h", jitter = "1s")]
    async fn on_demand(&self) {}
}

fn main() {}
