use misc_rpc::rpc;

#[rpc(namspace = "users")]
trait Misspelt {
    #[rpc(idempotnt)]
    async fn get(&self) -> u8;

    #[rpc(timeout = "1s", name = "put", name = "set")]
    async fn put(&self);

    #[rpc]
    async fn bare(&self);

    #[rpc(idempotent = true)]
    async fn worth(&self);

    #[rpc(name)]
    async fn worthless(&self);

    #[rpc(name = 5)]
    async fn number(&self);

    #[rpc(name = "")]
    async fn empty(&self);

    #[rpc = "put"]
    async fn assigned(&self);
}

#[rpc(client = "Client", mock = a::Mock, namespace = "")]
trait Named {
    async fn get(&self) -> u8;
}

#[rpc(crate = "no such path")]
trait Elsewhere {
    async fn get(&self) -> u8;
}

fn main() {}
