//! Methods that are there under conditions, are deprecated, or are written by a macro.
#![deny(warnings)]

use misc_rpc::rpc;

macro_rules! contract {
    ($name:ident { $($method:ident($($argument:ident: $ty:ty),*) -> $result:ty;)* }) => {
        #[rpc]
        pub trait $name {
            $(async fn $method(&self, $($argument: $ty),*) -> $result;)*
        }
    };
}

contract!(Numbers {
    add(left: u64, right: u64) -> u64;
    parse(text: &str) -> Result<u64, misc_rpc::Never>;
    lengths(texts: &[String]) -> Vec<usize>;
});

#[rpc]
pub trait Users {
    #[cfg(all(unix, not(unix)))]
    async fn never(&self, id: NoSuchType) -> NoSuchType;

    #[cfg(not(all(unix, not(unix))))]
    async fn always(&self) -> u8;

    #[cfg(all(unix, not(unix)))]
    #[rpc(name = "always")]
    async fn always_elsewhere(&self) -> u8;

    #[deprecated = "call `always`"]
    async fn once(&self) -> u8;
}

#[cfg(all(unix, not(unix)))]
#[rpc]
pub trait Nowhere {
    async fn never(&self, id: NoSuchType) -> NoSuchType;
}

#[rpc]
#[cfg(all(unix, not(unix)))]
pub trait NowhereElse {
    async fn never(&self, id: NoSuchType) -> NoSuchType;
}

#[rpc]
#[cfg(not(all(unix, not(unix))))]
pub trait Anywhere {
    async fn always(&self, id: u8) -> u8;
}

fn main() {
    drop(AnywhereMock::new().client());

    let mock = NumbersMock::new().add(|left, right| left + right).parse(|text| Ok(text.len() as u64));
    drop(mock.client());
    let mock = UsersMock::new().always(|| 1);
    drop(mock.client());
    let names: Vec<_> = UsersClient::CONTRACT.procedures.iter().map(|procedure| procedure.name).collect();
    assert_eq!(names, ["always", "once"]);
    assert!(UsersClient::CONTRACT.procedures[1].deprecated);
}
