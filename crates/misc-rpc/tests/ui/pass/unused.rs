//! A private contract of a binary, of which it uses one side alone.
#![deny(warnings)]

use misc_rpc::rpc;

#[rpc]
trait Served {
    async fn version(&self) -> String;
}

struct Shop;

impl Served for Shop {
    async fn version(&self) -> String {
        "1.0.0".to_owned()
    }
}

#[rpc]
trait Called {
    async fn version(&self) -> String;

    #[rpc(notification)]
    async fn seen(&self, id: u64);
}

mod inner {
    #[misc_rpc::rpc]
    pub(super) trait Mocked {
        async fn version(&self) -> String;
    }
}

fn main() {
    drop(Shop.into_rpc());
    let client = CalledMock::new().client();
    drop(client.version());
    drop(inner::MockedMock::new());
}
