use misc_core::App;

struct Consumer;

fn main() {
    let app = App::new("shop").service("consumer", Consumer);
    drop(app);
}
