//! A service as it runs under systemd: it greets whoever connects and says hello.
//!
//! `cargo build -p misc-upgrade --example under_systemd`, then
//! `systemd-socket-activate -l 127.0.0.1:8080 --fdname=http target/debug/examples/under_systemd`, which waits for the
//! first connection before it starts the service. Connect, and you see that connection answered, and in the log where
//! the socket came from.

use std::process::ExitCode;

use misc_core::{Address, App, BoxError, Context, Handshake, Listener, Runtime};
use misc_upgrade::{Activation, Notify};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    // One worker is enough here, and shows what the watchdog sees when all are blocked.
    let workers = std::env::args().nth(2).and_then(|workers| workers.parse().ok()).unwrap_or(1);
    Runtime::new().workers(workers).main(async || {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        Ok(App::new("greeter")
            .with(Notify::from_env()?)
            .with(Activation::from_env()?)
            .service("settings", settings)
            .service("http", move |ctx| greet(ctx, address.into())))
    })
}

/// Would read its settings again at SIGHUP.
async fn settings(ctx: Context) -> Result<(), BoxError> {
    let mut reloads = ctx.reloads();
    ctx.ready();
    while ctx.until_stopping(reloads.next()).await.is_some() {
        tracing::info!("settings read again");
    }
    Ok(())
}

async fn greet(ctx: Context, address: Address) -> Result<(), BoxError> {
    let mut incoming = ctx.listen(&address).await?;
    ctx.ready();
    while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
        let (handshake, _) = accepted?;
        ctx.spawn(async {
            if let Err(error) = answer(handshake).await {
                tracing::warn!(error, "a guest has left");
            }
        });
    }
    Ok(())
}

/// Answers each line; `block` blocks the worker for good.
async fn answer(handshake: Handshake) -> Result<(), BoxError> {
    let mut stream = BufReader::new(handshake.await?);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line.trim() == "block" {
            tracing::error!("blocked for good");
            loop {
                std::thread::park();
            }
        }
        stream.write_all(format!("{} to you, from {}\n", line.trim(), std::process::id()).as_bytes()).await?;
        line.clear();
    }
    Ok(())
}
