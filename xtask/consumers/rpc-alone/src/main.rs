//! Remote procedures without the facade, and without serde where types are those of the standard library.

use std::process::ExitCode;

use misc_core::{App, Context};
use misc_rpc::{Server, rpc};

/// Somebody who repeats.
#[rpc]
pub trait Echo {
    /// Repeats what was said, as often as it was asked to.
    #[rpc(idempotent)]
    async fn repeat(&self, what: &str, times: Option<usize>) -> Vec<String>;
}

/// Repeats once, unless told otherwise.
struct Wall;

impl Echo for Wall {
    async fn repeat(&self, what: &str, times: Option<usize>) -> Vec<String> {
        vec![what.to_owned(); times.unwrap_or(1)]
    }
}

fn main() -> ExitCode {
    misc_core::main(async || {
        let echo = EchoClient::over(Server::new(Wall.into_rpc())?);
        Ok(App::new("consumer").service("caller", async move |ctx: Context| {
            ctx.ready();
            println!("{:?}", echo.repeat("remote procedures without the facade", Some(2)).await?);
            ctx.app().shutdown();
            Ok(())
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::EchoMock;

    #[test]
    fn mocks_are_there_for_tests() {
        let mock = EchoMock::new().repeat(|what, _| vec![what.to_owned()]);
        drop(mock.client());
        assert_eq!(mock.repeat_calls(), 0);
    }
}
