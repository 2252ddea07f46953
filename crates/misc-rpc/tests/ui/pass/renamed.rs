//! A crate that hands misc-rpc on to its users.
#![deny(warnings)]

mod toolkit {
    pub use misc_rpc as remote;
}

/// The users of the shop.
#[toolkit::remote::rpc(crate = "crate::toolkit::remote", client = Remote, mock = Fake, namespace = "users")]
pub trait Users {
    async fn version(&self) -> String;
}

fn main() {
    let fake = Fake::new().version(|| "1.0.0".to_owned());
    let client: Remote = fake.client();
    drop(client);
    assert_eq!(Remote::CONTRACT.procedures[0].name, "users.version");
}
