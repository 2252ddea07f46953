//! The test kit alone, and for tests alone.

use std::process::ExitCode;

use misc_core::{App, BoxError, Context};

fn main() -> ExitCode {
    misc_core::main(async || Ok(App::new("consumer").service("greeter", greeter)))
}

async fn greeter(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use misc_test::TestApp;

    #[tokio::test(start_paused = true)]
    async fn stops_cleanly() {
        TestApp::service(super::greeter).await.stop().await.assert_clean().await;
    }
}
