use misc_rpc::rpc;

#[rpc]
trait Generic<'a, T> {
    async fn get(&self) -> u8;
}

#[rpc]
unsafe trait NotSafe {
    async fn get(&self) -> u8;
}

#[rpc]
trait More {
    type Item;
    const LIMIT: usize;
    async fn get(&self) -> u8;
}

#[rpc]
trait Empty {}

#[rpc]
struct NoTrait;

trait OnAMethod {
    #[rpc(idempotent)]
    fn get(&self) -> u8;
}

fn main() {
    drop(MoreMock::new());
}
