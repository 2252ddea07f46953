use std::rc::Rc;

use misc_core::{App, Context};

fn main() {
    let app = App::new("shop").service("counter", async |ctx: Context| {
        let count = Rc::new(1);
        ctx.ready();
        ctx.stopping().await;
        println!("{count}");
        Ok(())
    });
    drop(app);
}
