use misc_rpc::rpc;

#[rpc]
trait Users {
    async fn get(&self) -> u8;

    #[rpc(name = "get")]
    async fn find(&self) -> u8;

    #[rpc(name = "rpc.find")]
    async fn reserved(&self);

    async fn into_rpc(&self);

    async fn builder(&self);

    async fn over(&self);

    async fn new(&self);

    async fn client(&self);

    async fn get_calls(&self) -> usize;
}

#[rpc(namespace = "rpc")]
trait Reserved {
    async fn get(&self);
}

#[rpc(namespace = "users.")]
trait Dotted {
    async fn get(&self);
}

#[rpc(namespace = "users")]
trait Fine {
    #[rpc(name = "rpc.get")]
    async fn get(&self);
}

fn main() {}
