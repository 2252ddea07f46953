use misc_rpc::rpc;

#[rpc]
trait Users {
    fn not_async(&self);

    const fn constant(&self);

    async unsafe fn not_safe(&self);

    async extern "C" fn foreign(&self);

    async fn no_receiver();

    async fn by_value(self);

    async fn mutable(&mut self);

    async fn by_arc(self: std::sync::Arc<Self>);

    async fn lifetime_of_self<'a>(&'a self);

    async fn generic<T>(&self, value: T) -> T;

    async fn conditional(&self)
    where
        Self: Sized;

    async fn variadic(&self, ids: ...);

    async fn wrong_in_three_ways(&mut self, (left, right): (u8, u8)) -> &str;

    async fn right(&self, id: u64) -> String;
}

fn main() {
    // What is right is there all the same.
    drop(UsersMock::new().right(|id| id.to_string()).client());
}
