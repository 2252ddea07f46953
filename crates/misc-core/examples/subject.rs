//! The program that `tests/process` starts, signals and looks at: one scenario for each way a process can go.
//!
//! Run one with `cargo run -p misc-core --example subject -- ready` and stop it with Ctrl-C. You see each service and
//! resource come and go.
#![expect(clippy::print_stdout, reason = "what it prints is what the tests look at")]

use std::{
    error::Error,
    fmt,
    future::{pending, ready},
    process::{ExitCode, Stdio},
    thread::park,
    time::Duration,
};

use misc_core::{
    App, BoxError, Context, Driver, Exit, Phase, Report, Resource, Runtime, Service, Transition, resource, spec,
};

fn main() -> ExitCode {
    let scenario = std::env::args().nth(1).unwrap_or_default();
    match &*scenario {
        "ready" => main_of(ordinary("subject")),
        "busy-start" => misc_core::main(async || {
            tokio::time::sleep(UNIT * 2).await;
            Ok(busy_start())
        }),
        "set-up" => misc_core::main(async || {
            let _held = Tells("set-up");
            say("setting up");
            pending().await
        }),
        "set-up-blocks" => misc_core::main(async || {
            say("setting up");
            block()
        }),
        "set-up-with-thread" => misc_core::main(async || {
            let blocked = tokio::task::spawn_blocking(|| {
                say("setting up");
                block()
            });
            blocked.await?
        }),
        "opening" => main_of(opening()),
        "starting" => main_of(starting()),
        "stubborn" => main_of(stubborn_app().keep(Tells("kept"))),
        "stubborn-kept" => main_of(stubborn_app().keep(Hangs).keep(Tells("last kept"))),
        "reloads" => main_of(App::new("subject").service("reloader", reloader)),
        "held-stderr" => held_stderr(),

        "stuck" => main_of(short(async |ctx: Context| {
            let task = ctx.clone();
            say(format_args!("task line {}", line!() + 1));
            let _running = ctx.spawn(async move { stuck(task).await });
            ctx.ready();
            ctx.stopping().await;
            Ok(())
        })),
        "stuck-in-group" => main_of(short(App::new("group").service("inner", idle("inner")).service("stuck", stuck))),
        "stuck-start" => main_of(short(async |_: Context| {
            say("starting");
            let _held = Tells("stuck start");
            pending().await
        })),
        "stuck-open" => main_of(short(stuck_open()).service("idle 2", idle("idle 2"))),
        "stuck-close" => main_of(stuck_close()),
        "stuck-thread" => main_of(short(stuck_thread)),
        "stuck-without-bound" => main_of(unbounded(stuck)),
        "blocks-when-ready" => {
            Runtime::new().workers(2).main(async || Ok(blocks_when_ready().service("idle", idle("idle"))))
        }
        "blocks-in-group" => Runtime::new().workers(2).main(async || Ok(blocks_in_group())),
        "blocks-when-ready-last" => Runtime::new().workers(2).main(async || Ok(blocks_when_ready())),
        "wedged-in-a-row" => main_of(wedged_in_a_row()),
        "wedged" => Runtime::new().workers(2).main(async || Ok(unbounded(wedged::<2>))),
        "wedged-current-thread" => Runtime::new().current_thread().main(async || Ok(unbounded(wedged::<1>))),
        "child" => main_of(short(parent)),
        "child-process" => main_of(App::new("child").service("stubborn", stubborn())),
        "kept-hangs" => main_of(App::new("subject").stop_within(SHORT).keep(Hangs).service("done", done)),
        "kept-panics" => {
            main_of(App::new("subject").keep(Tells("first kept")).keep(Panics).service("idle", idle("idle")))
        }
        "no-bounds" => main_of(ordinary("subject").stop_within(Duration::MAX)),

        "fails" => main_of(ordinary("subject").service("api", fails)),
        "fails-in-group" => main_of(ordinary("subject").service("group", App::new("group").service("api", fails))),
        "fails-at-start" => main_of(ordinary("subject").service("api", async |_: Context| Err(chain()))),
        "never-ready" => {
            main_of(ordinary("subject").service("api", spec(never_ready).start_within(Duration::from_millis(200))))
        }
        "panics" => main_of(ordinary("subject").service("api", async |ctx: Context| {
            ctx.ready();
            say(format_args!("panic line {}", line!() + 1));
            panic!("out of cheese")
        })),
        "task-panics" => main_of(ordinary("subject").service("api", async |ctx: Context| {
            say(format_args!("panic line {}", line!() + 1));
            let _running = ctx.spawn(async { panic!("out of cheese") });
            ctx.ready();
            ctx.stopping().await;
            Ok(())
        })),
        "set-up-panics" => misc_core::main(async || {
            say(format_args!("panic line {}", line!() + 1));
            panic!("out of cheese")
        }),
        "set-up-panics-at-once" => misc_core::main(|| {
            say(format_args!("panic line {}", line!() + 1));
            out_of_cheese();
            ready(Ok(ordinary("subject")))
        }),
        "set-up-fails" => misc_core::main(async || Err(chain().into())),
        "set-up-fails-with-thread" => misc_core::main(async || {
            let _blocked = tokio::task::spawn_blocking(block::<()>);
            Err(chain().into())
        }),
        "exit" => misc_core::main(async || Err(Exit::new(78, "PORT=x: not a port").into())),
        "exit-inside" => misc_core::main(async || {
            let exit = Exit::new(78, "PORT=x: not a port");
            Err(Caused("cannot read the configuration", exit.into()).into())
        }),
        "help" => misc_core::main(async || Err(Exit::new(0, "Usage: subject <SCENARIO>").into())),
        "fails-with-exit" => main_of(ordinary("subject").service("api", async |ctx: Context| {
            ctx.ready();
            Err(Caused("cannot serve", Exit::new(75, "come again").into()).into())
        })),
        "refused" => main_of(ordinary("subject").service("a", done)),
        "empty" => main_of(App::new("subject").keep(Tells("kept"))),
        "only-resources" => main_of(App::new("subject").observe(says_ready).service("db", logged("db").1)),
        "done" => main_of(App::new("subject").keep(Tells("kept")).service("db", logged("db").1).service("done", done)),

        "current-thread" => Runtime::new().current_thread().main(async || Ok(ordinary("subject"))),
        "one-worker" => Runtime::new().workers(1).main(async || Ok(ordinary("subject"))),
        "tokio-main" => tokio_main(),
        "tokio-main-current-thread" => tokio_main_current_thread(),
        "tokio-main-wedged" => tokio_main_wedged(),
        "tokio-main-stuck-thread" => tokio_main_stuck_thread(),
        "without-signals" => without_signals(),
        "twice" => twice(),
        _ => misc_core::main(async || Err(Exit::new(64, format!("`{scenario}` is no scenario")).into())),
    }
}

/// The total of the stop where somebody is late: half of it is for services, and the hard end is 1 s later.
const SHORT: Duration = Duration::from_secs(2);
/// What the one who is late has of it, so that the others have the rest.
const BOUND: Duration = Duration::from_millis(300);
/// What each step of a busy start takes.
const UNIT: Duration = Duration::from_millis(2);

fn main_of(app: App) -> ExitCode {
    misc_core::main(async || Ok(app))
}

#[tokio::main(worker_threads = 2)]
async fn tokio_main() -> ExitCode {
    ended(ordinary("subject").run().await)
}

#[tokio::main(flavor = "current_thread")]
async fn tokio_main_current_thread() -> ExitCode {
    ended(ordinary("subject").run().await)
}

#[tokio::main(flavor = "current_thread")]
async fn tokio_main_wedged() -> ExitCode {
    ended(unbounded(wedged::<1>).run().await)
}

#[tokio::main(worker_threads = 2)]
async fn tokio_main_stuck_thread() -> ExitCode {
    ended(short(stuck_thread).run().await)
}

#[tokio::main(flavor = "current_thread")]
async fn without_signals() -> ExitCode {
    ended(ordinary("subject").without_signals().run().await)
}

/// Two apps in one process, which one signal stops.
#[tokio::main(worker_threads = 2)]
async fn twice() -> ExitCode {
    let (one, two) = tokio::join!(ordinary("one").run(), ordinary("two").run());
    ended(one.and(two))
}

fn ended(result: Result<(), Report>) -> ExitCode {
    say(format_args!("run returned {result:?}"));
    result.map_or_else(|report| ExitCode::from(report.exit_code()), |()| ExitCode::SUCCESS)
}

fn say(line: impl fmt::Display) {
    println!("{line}");
}

/// Two resources, the second built from the first, and two services; it says when all are ready.
fn ordinary(name: &str) -> App {
    let (db, db_service) = logged("db");
    let cache = resource(db, async |db: Resource<&'static str>| {
        db.get().await?;
        open("cache").await
    });
    App::new(name)
        .observe(says_ready)
        .keep(Tells("kept"))
        .service("db", db_service)
        .service("cache", cache.on_close(close).1)
        .service("a", idle("a"))
        .service("b", idle("b"))
}

/// One service with a short stop, after a resource and a service that are not to suffer from it.
fn short(service: impl Service) -> App {
    unbounded(spec(service).stop_within(BOUND))
}

/// One service, after a resource and a service.
fn unbounded(service: impl Service) -> App {
    App::new("subject")
        .stop_within(SHORT)
        .observe(says_ready)
        .keep(Tells("kept"))
        .service("db", logged("db").1)
        .service("idle", idle("idle"))
        .service("subject", service)
}

fn says_ready(change: &Transition) {
    if change.service().is_none() && change.to() == Phase::Ready {
        say(format_args!("{} is ready", change.app()));
    }
}

/// A start of about 16 units: a set-up, a chain, two branches, a group, and opens that take a while.
fn busy_start() -> App {
    let slow = |name: &'static str, units: u32| {
        let time = UNIT * units;
        async move |ctx: Context| {
            let _held = Brackets::begin(name);
            if ctx.until_stopping(tokio::time::sleep(time)).await.is_some() {
                ctx.ready();
                ctx.stopping().await;
            }
            Ok(())
        }
    };
    let slow_open = |name: &'static str| {
        let opened = resource(name, async |name| {
            tokio::time::sleep(UNIT * 2).await;
            open(name).await
        });
        opened.on_close(close).1
    };
    App::new("subject")
        .observe(says_ready)
        .keep(Tells("kept"))
        .service("db", slow_open("db"))
        .service("first", slow("first", 2))
        .service("cache", slow_open("cache"))
        .service("left", spec(slow("left", 3)).after(["cache"]))
        .service("right", spec(slow("right", 2)).after(["cache"]))
        .service(
            "group",
            spec(App::new("group").service("pool", slow_open("pool")).service("in", slow("in", 2)))
                .after(["left", "right"]),
        )
        .service("last", slow("last", 2))
}

/// A resource that never opens, after one that did.
fn opening() -> App {
    let never = resource((), async |()| {
        say("open never");
        let _held = Tells("open of never");
        pending::<Result<(), BoxError>>().await
    });
    App::new("subject")
        .keep(Tells("kept"))
        .service("db", logged("db").1)
        .service("never", never.split().1)
        .service("a", idle("a"))
}

/// A service that is not ready yet.
fn starting() -> App {
    App::new("subject").keep(Tells("kept")).service("db", logged("db").1).service("slow", async |ctx: Context| {
        say("slow starts");
        ctx.until_stopping(pending::<()>()).await;
        say("slow gave up");
        Ok(())
    })
}

fn stubborn_app() -> App {
    App::new("subject").service("db", logged("db").1).service("stubborn", stubborn())
}

fn stuck_open() -> Driver<()> {
    let blocks = resource((), async |()| {
        say("open blocks");
        block::<Result<(), BoxError>>()
    });
    blocks.split().1
}

/// More services that hold on to their threads than there is time to wait for each.
fn wedged_in_a_row() -> App {
    let app = App::new("subject").stop_within(SHORT).observe(says_ready).service("db", logged("db").1);
    ["one", "two", "three"].into_iter().fold(app, |app, name| app.service(name, stuck_thread))
}

/// A service that holds its thread right after it said that it is ready, while the other one has nothing to do.
fn blocks_when_ready() -> App {
    with_blocker(App::new("subject").stop_within(SHORT).observe(says_ready).keep(Tells("kept")))
}

fn blocks_in_group() -> App {
    let app = App::new("subject").stop_within(SHORT).observe(says_ready).keep(Tells("kept"));
    app.service("g", with_blocker(App::new("g"))).service("idle", idle("idle"))
}

fn with_blocker(app: App) -> App {
    let blocks = async |ctx: Context| {
        tokio::time::sleep(UNIT * 50).await;
        ctx.ready();
        block::<Result<(), BoxError>>()
    };
    app.service("db", logged("db").1).service("subject", spec(blocks).stop_within(BOUND))
}

/// The close that does not end is that of the second resource; the first one is to be closed all the same.
fn stuck_close() -> App {
    let stuck = resource("cache", open).on_close(async |_: &&'static str| {
        say("closing cache");
        let _held = Tells("close of cache");
        pending::<()>().await;
    });
    App::new("subject")
        .stop_within(SHORT)
        .observe(says_ready)
        .service("db", logged("db").1)
        .service("cache", stuck.1)
        .service("idle", idle("idle"))
}

fn idle(name: &'static str) -> impl Service + Clone {
    async move |ctx: Context| {
        say(format_args!("{name} up"));
        ctx.ready();
        ctx.stopping().await;
        say(format_args!("{name} down"));
        Ok(())
    }
}

/// A service that hears that it shall stop, and does not.
fn stubborn() -> impl Service {
    async |ctx: Context| {
        let _held = Tells("stubborn");
        say("stubborn up");
        ctx.ready();
        ctx.stopping().await;
        say("stubborn stays");
        pending().await
    }
}

async fn stuck(ctx: Context) -> Result<(), BoxError> {
    let _held = Tells("stuck");
    ctx.ready();
    pending().await
}

async fn stuck_thread(ctx: Context) -> Result<(), BoxError> {
    say(format_args!("task line {}", line!() + 1));
    let _running = ctx.blocking(block::<()>);
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

async fn never_ready(ctx: Context) -> Result<(), BoxError> {
    ctx.stopping().await;
    Ok(())
}

/// Keeps so many workers busy forever once it is ready.
async fn wedged<const WORKERS: usize>(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    let app = ctx.app();
    app.ready().await;
    say(format_args!("task line {}", line!() + 2));
    for _ in 0..WORKERS {
        let _running = ctx.spawn(async { spin() });
    }
    ctx.stopping().await;
    Ok(())
}

async fn reloader(ctx: Context) -> Result<(), BoxError> {
    let mut reloads = ctx.reloads();
    ctx.ready();
    say("reloader up");
    while ctx.until_stopping(reloads.next()).await.is_some() {
        say("reloaded");
    }
    say("reloader down");
    Ok(())
}

/// Owns a child process, and is late: who drops it ends the child.
async fn parent(ctx: Context) -> Result<(), BoxError> {
    let program = std::env::current_exe()?;
    let mut child =
        tokio::process::Command::new(program).arg("child-process").stdin(Stdio::null()).kill_on_drop(true).spawn()?;
    ctx.ready();
    child.wait().await?;
    say("the child has ended");
    Ok(())
}

async fn done(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    say("done");
    Ok(())
}

async fn fails(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    // Once all are up, so that the order of the stop is the whole one.
    ctx.app().root().ready().await;
    Err(chain())
}

/// Logs to standard error, which a thread holds: as when its reader has gone to sleep and the pipe is full.
fn held_stderr() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    main_of(unbounded(async |ctx: Context| {
        let _running = ctx.blocking(|| {
            let _held = std::io::stderr().lock();
            say("holding");
            block::<()>();
        });
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    }))
}

fn logged(name: &'static str) -> (Resource<&'static str>, Driver<&'static str>) {
    resource(name, open).on_close(close)
}

async fn open(name: &'static str) -> Result<&'static str, BoxError> {
    say(format_args!("open {name}"));
    Ok(name)
}

async fn close(name: &&'static str) {
    say(format_args!("close {name}"));
}

fn block<T>() -> T {
    loop {
        park();
    }
}

fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

fn out_of_cheese() {
    panic!("out of cheese")
}

fn chain() -> BoxError {
    let cause = Caused("connection refused", "no route to host".into());
    Caused("cannot reach the database", cause.into()).into()
}

/// An error with a cause.
#[derive(Debug)]
struct Caused(&'static str, BoxError);

impl fmt::Display for Caused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Caused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.1)
    }
}

/// Tells when it is dropped.
struct Tells(&'static str);

impl Drop for Tells {
    fn drop(&mut self) {
        say(format_args!("{} dropped", self.0));
    }
}

/// Tells like a resource when it begins and when it is dropped.
struct Brackets(&'static str);

impl Brackets {
    fn begin(name: &'static str) -> Self {
        say(format_args!("open {name}"));
        Self(name)
    }
}

impl Drop for Brackets {
    fn drop(&mut self) {
        say(format_args!("close {}", self.0));
    }
}

/// Takes forever to be dropped.
struct Hangs;

impl Drop for Hangs {
    fn drop(&mut self) {
        say("hanging");
        block::<()>();
    }
}

/// Cannot be dropped without a panic.
struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        say("panicking");
        panic!("out of cheese")
    }
}
