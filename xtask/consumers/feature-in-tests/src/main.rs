//! A feature of the facade that only the tests have.

use std::process::ExitCode;

use misc::{App, BoxError, Context};

fn main() -> ExitCode {
    misc::main(async || Ok(App::new("consumer").service("greeter", greeter)))
}

async fn greeter(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use misc::test::TestApp;

    #[tokio::test(start_paused = true)]
    async fn stops_cleanly() {
        TestApp::service(super::greeter).await.stop().await.assert_clean().await;
    }
}
