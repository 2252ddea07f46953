use std::rc::Rc;

use misc_rpc::rpc;

#[rpc]
trait Users {
    async fn version(&self) -> u8;

    async fn name(&self) -> u8 {
        let shared = Rc::new(1);
        std::future::ready(()).await;
        *shared
    }
}

struct Shop;

impl Users for Shop {
    async fn version(&self) -> u8 {
        let shared = Rc::new(1);
        std::future::ready(()).await;
        *shared
    }
}

struct NotSync(std::cell::Cell<u8>);

impl Users for NotSync {
    async fn version(&self) -> u8 {
        self.0.get()
    }
}

struct WrongType;

impl Users for WrongType {
    async fn version(&self) -> String {
        String::new()
    }
}

fn main() {
    drop(Shop.into_rpc());
}
