use misc_core::{App, BoxError, Context, Restart, Service, spec};

struct Consumer {
    inbox: std::fs::File,
}

impl Service for Consumer {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        ctx.ready();
        drop(self.inbox);
        Ok(())
    }
}

fn main() {
    let consumer = Consumer { inbox: std::fs::File::open("inbox").unwrap() };
    let app = App::new("shop").service("consumer", spec(consumer).restart(Restart::default()));
    drop(app);
}
