#![deny(deprecated)]

use misc_rpc::rpc;

#[rpc]
trait Users {
    #[deprecated = "call `get_user`"]
    async fn find(&self, id: u64) -> u64;
}

fn main() {
    drop(UsersMock::new().client().find(7));
}
