use std::rc::Rc;

use misc_core::{App, service_fn};

fn main() {
    let app = App::new("shop").service(
        "counter",
        service_fn(async |ctx| {
            let count = Rc::new(1);
            ctx.ready();
            ctx.stopping().await;
            println!("{count}");
            Ok(())
        }),
    );
    drop(app);
}
