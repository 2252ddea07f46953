//! A private service of a binary whose handle nobody takes.
#![deny(warnings)]

use misc_core::App;
use misc_scheduler::service;

struct Orders;

#[service]
impl Orders {
    #[task]
    async fn process(&self, _id: u64) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {
    drop(App::new("shop").service("orders", Orders));
}
