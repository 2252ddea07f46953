use std::io;

use misc_rpc::{Never, rpc};

type Answer<T> = std::result::Result<T, Never>;

#[rpc]
trait Users {
    async fn borrowed(&self) -> &str;

    async fn borrowed_inside(&self) -> Result<Vec<&'static str>, Never>;

    async fn hidden_lifetime(&self) -> std::borrow::Cow<'_, str>;

    async fn any(&self) -> impl std::fmt::Display;

    async fn own_type(&self) -> Option<Self::Item>;

    async fn no_error(&self) -> Result<u8>;

    async fn alias(&self) -> io::Result<u8>;

    #[rpc(notification)]
    async fn answered(&self) -> u8;

    async fn right(&self) -> std::borrow::Cow<'static, str>;
}

#[rpc]
trait Hidden {
    async fn by_another_name(&self) -> Answer<u8>;
}

fn main() {}
