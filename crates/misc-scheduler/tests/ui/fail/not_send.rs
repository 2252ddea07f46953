use std::rc::Rc;

use misc_scheduler::service;

struct Orders;

#[service]
impl Orders {
    #[task(every = "5s")]
    async fn not_send(&self) {
        let shared = Rc::new(1);
        std::future::ready(()).await;
        drop(shared);
    }
}

fn main() {}
