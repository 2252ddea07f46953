use misc_core::{App, Restart, spec};

#[derive(Clone)]
struct Consumer;

fn main() {
    let app = App::new("shop").service("consumer", spec(Consumer).restart(Restart::default()));
    drop(app);
}
