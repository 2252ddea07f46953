//! A queue without the facade.

use std::process::ExitCode;

use misc_core::{App, BoxError, Context};
use misc_queue::{Command, Config, Job, Payload, Queue, Selection};
use serde::{Deserialize, Serialize};

/// What is said later.
#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    text: String,
}

impl Payload for Greeting {
    const KIND: &'static str = "greeting";
}

async fn greet(job: Job<Greeting>) -> Result<(), BoxError> {
    println!("{}", job.text);
    Ok(())
}

async fn push(greetings: Queue<Greeting>, ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    let pushed = greetings.push(Greeting { text: "jobs run without the facade".to_owned() }).await?;
    greetings.wait(pushed.id).await?;
    println!("{:?}", greetings.store().operator().list(&Selection::new()).await?);
    Command::Resume { queue: "greeting".to_owned() }.run("sqlite://queue.db").await?;
    Ok(())
}

fn main() -> ExitCode {
    misc_core::main(async || {
        let (greetings, worker) = misc_queue::open::<Greeting>(Config::from("sqlite://queue.db")).handler(greet);
        let app = App::new("consumer").service("worker", worker);
        Ok(app.service("pusher", move |ctx: Context| push(greetings.clone(), ctx)))
    })
}
