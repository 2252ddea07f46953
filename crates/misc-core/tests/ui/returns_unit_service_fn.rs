use misc_core::{App, service_fn};

fn main() {
    let app = App::new("shop").service(
        "idle",
        service_fn(async |ctx| {
            ctx.ready();
            ctx.stopping().await;
        }),
    );
    drop(app);
}
