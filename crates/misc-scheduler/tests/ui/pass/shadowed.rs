#![deny(warnings)]
#![allow(dead_code, reason = "they only stand in the way of what the macro writes")]

struct Context;
struct Contexts;
struct Plan;
struct Running;
struct Scheduler;
struct Send;
struct Tasks;
struct This;
trait Deref {}
trait Service {}
trait Tasked {}
mod core {}
mod misc_scheduler {}
type Result<T> = std::result::Result<T, std::io::Error>;
fn daily() -> &'static str {
    "09:00"
}

#[derive(Clone)]
struct Arguments(u8);

struct Orders;

#[::misc_scheduler::service]
impl Orders {
    #[context(close = async |_: &u8| {})]
    async fn pool(&self) -> Result<u8> {
        Ok(1)
    }

    #[task(daily = daily())]
    async fn report(&self) -> std::result::Result<(), ::misc_scheduler::NotOpen> {
        self.pool().await.map(drop)
    }

    #[task]
    async fn daily(&self, scheduler: Arguments, task: u8) -> Result<u8> {
        Ok(scheduler.0 + task)
    }

    async fn run(&self, ctx: ::misc_core::Context) -> std::result::Result<(), ::misc_core::BoxError> {
        ctx.ready();
        Ok(())
    }
}

fn main() {
    struct Local;

    #[::misc_scheduler::service]
    impl Local {
        #[task(every = "1s")]
        async fn poll(&self) {}
    }

    drop((Local.with_tasks(), Orders.with_tasks()));
}
