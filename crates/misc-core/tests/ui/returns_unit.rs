use misc_core::{App, Context};

fn main() {
    let app = App::new("shop").service("idle", async |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
    });
    drop(app);
}
