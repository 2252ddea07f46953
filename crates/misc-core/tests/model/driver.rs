//! Plays a scenario with the real app, through its public API, under tokio's paused clock.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use misc_core::{App, BoxError, Context, Handle, OnFailure, Report, Restart, Spec, Transition};
use misc_core::{factory, resource, spec};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::scenario::{Attempt, Call, END, End, Kind, Ms, Outcome, Policy, Scenario, Service, Task};
use crate::trace::{Phase, Step, Trace};

/// Runs the app to its end and returns what an observer saw.
pub(crate) fn run(scenario: &Scenario) -> Trace {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O can always be built");
    runtime.block_on(drive(scenario))
}

async fn drive(scenario: &Scenario) -> Trace {
    let start = Instant::now();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let app = App::new("model")
        .without_signals()
        .stop_within(ms(scenario.stop_within))
        .drain_delay(ms(scenario.drain_delay))
        .observe(recorder(start, Arc::clone(&steps)));
    let handle = app.handle();
    let app = with_all(app, &scenario.services, &handle);
    let result = tokio::select! {
        result = timeout(ms(10 * END), app.run()) => result.expect("the app never ended"),
        () = make_calls(scenario, start, &handle) => unreachable!("the caller outlives the app"),
    };
    let steps = std::mem::take(&mut *steps.lock().expect("no observer panics"));
    summary(steps, result, since(start))
}

fn recorder(start: Instant, steps: Arc<Mutex<Vec<Step>>>) -> impl Fn(&Transition) {
    move |transition| {
        let path = transition.service().unwrap_or_default().to_owned();
        let (from, to) = (phase(transition.from()), phase(transition.to()));
        let at = since(start);
        // The app begins in Starting; that it announces this is nothing to compare.
        if path.is_empty() && to == Phase::Starting {
            return;
        }
        steps.lock().expect("no observer panics").push(Step { path, at, from, to });
    }
}

async fn make_calls(scenario: &Scenario, start: Instant, handle: &Handle) {
    let mut calls = scenario.calls.clone();
    calls.push((END, Call::Shutdown));
    calls.sort_by_key(|(at, _)| *at);
    for (at, call) in calls {
        sleep_until(start + ms(at)).await;
        make(call, handle);
    }
    pending::<()>().await;
}

/// "Each method acts at the call; the returned future only waits for the effect."
fn make(call: Call, handle: &Handle) {
    match call {
        Call::Shutdown => drop(handle.shutdown()),
        Call::Stop(path) => drop(handle.stop(&path)),
        Call::Restart(path) => drop(handle.restart(&path)),
        Call::Start(service) => place(&service, handle, handle),
    }
}

fn summary(steps: Vec<Step>, result: Result<(), Report>, ended: Ms) -> Trace {
    let mut trace = Trace { steps, ended, ..Trace::default() };
    if let Err(report) = result {
        trace.exit = report.exit_code();
        trace.failures = report.failures().iter().map(|failure| failure.path().to_owned()).collect();
        trace.late = report.late().iter().map(|late| late.path().to_owned()).collect();
    }
    trace
}

/// Where a service can be put: into an app, into a running one, under a parent.
trait Place {
    type Output;
    fn put(self, name: &str, service: impl misc_core::Service) -> Self::Output;
}

impl Place for App {
    type Output = Self;

    fn put(self, name: &str, service: impl misc_core::Service) -> Self {
        self.service(name, service)
    }
}

impl Place for &Handle {
    type Output = ();

    fn put(self, name: &str, service: impl misc_core::Service) {
        drop(self.start(name, service));
    }
}

impl Place for &Context {
    type Output = ();

    fn put(self, name: &str, service: impl misc_core::Service) {
        drop(self.start(name, service));
    }
}

fn with_all(app: App, services: &[Service], root: &Handle) -> App {
    services.iter().fold(app, |app, service| place(service, app, root))
}

fn place<P: Place>(service: &Service, place: P, root: &Handle) -> P::Output {
    let root = root.clone();
    match service.kind.clone() {
        Kind::Plain => {
            let (script, mut run) = (service.clone(), 0);
            let make = move || {
                let (attempt, root) = (script.attempt(run), root.clone());
                run += 1;
                move |ctx: Context| play(ctx, attempt, root)
            };
            place.put(&service.name, restartable(factory(make), service))
        }
        Kind::Group { total, services } => {
            let name = service.name.clone();
            let make = move || with_all(App::new(&*name).stop_within(ms(total)), &services, &root);
            place.put(&service.name, restartable(factory(make), service))
        }
        Kind::Resource => {
            let (script, opened) = (service.clone(), Mutex::new(0));
            let open = move |()| {
                let mut opened = opened.lock().expect("no panic while counting");
                *opened += 1;
                open(script.attempt(*opened - 1))
            };
            let (_, driver) = resource((), open).on_close(close);
            place.put(&service.name, restartable(spec(driver), service))
        }
    }
}

fn restartable<S: misc_core::Service + Clone>(spec: Spec<S>, service: &Service) -> Spec<S> {
    let spec = configured(spec, service);
    match service.policy {
        Policy::Shutdown | Policy::Ignore => spec,
        Policy::Restart { attempts, initial, max, reset_after } => spec.restart(
            Restart::new().attempts(attempts).backoff(ms(initial), ms(max)).reset_after(ms(reset_after)).jitter(0.0),
        ),
    }
}

fn configured<S: misc_core::Service>(spec: Spec<S>, service: &Service) -> Spec<S> {
    let spec = spec.start_within(ms(service.start_within)).stop_within(ms(service.stop_within));
    let spec = if service.background && !service.is_resource() { spec.background() } else { spec };
    let spec = match service.policy {
        Policy::Ignore => spec.on_failure(OnFailure::Ignore),
        Policy::Shutdown | Policy::Restart { .. } => spec,
    };
    let names = service.after.as_deref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    match names {
        None => spec,
        Some(names) => spec.after(names),
    }
}

async fn play(ctx: Context, attempt: Attempt, root: Handle) -> Result<(), BoxError> {
    if let Some((after, task)) = attempt.task {
        spawn(&ctx, after, task);
    }
    match ctx.until_stopping(live(&ctx, &attempt, &root)).await {
        Some(End::Returns(outcome)) => return end(outcome),
        Some(End::StopsItself) => drop(root.stop(ctx.name()).await),
        Some(End::RestartsItself) => drop(root.restart(ctx.name()).await),
        Some(End::ShutsDown) => drop(root.shutdown().await),
        None => {}
    }
    ctx.stopping().await;
    clean_up(attempt.stop).await
}

/// Says ready, starts its child and ends, each at its time.
async fn live(ctx: &Context, attempt: &Attempt, root: &Handle) -> End {
    let ready = async {
        after(attempt.ready).await;
        ctx.ready();
    };
    let child = async {
        if let Some((at, child)) = &attempt.child {
            sleep(ms(*at)).await;
            place(child, ctx, root);
        }
    };
    let end = async {
        let (at, end) = attempt.end.unzip();
        after(at).await;
        end
    };
    let forever = async {
        tokio::join!(ready, child);
        pending().await
    };
    tokio::select! {
        end = end => end.expect("it pends without an end"),
        end = forever => end,
    }
}

fn spawn(ctx: &Context, at: Ms, task: Task) {
    let work = async move {
        sleep(ms(at)).await;
        if task != Task::Returns {
            resume_unwind(Box::new("a scripted panic"));
        }
    };
    match task {
        Task::Returns | Task::Panics => drop(ctx.spawn(work)),
        Task::PanicsUnlessStopping => drop(ctx.spawn_until_stopping(work)),
    }
}

async fn open(attempt: Attempt) -> Result<Attempt, BoxError> {
    match attempt.end {
        Some((after, End::Returns(outcome))) => {
            sleep(ms(after)).await;
            end(outcome)?;
        }
        _ => after(attempt.ready).await,
    }
    Ok(attempt)
}

async fn close(attempt: &Attempt) -> Result<(), BoxError> {
    clean_up(attempt.stop).await
}

async fn clean_up(stop: Option<(Ms, Outcome)>) -> Result<(), BoxError> {
    let (at, outcome) = stop.unzip();
    after(at).await;
    end(outcome.unwrap_or(Outcome::Ok))
}

fn end(outcome: Outcome) -> Result<(), BoxError> {
    match outcome {
        Outcome::Ok => Ok(()),
        Outcome::Err => Err("a scripted error".into()),
        // Not `panic!`: the hook would print each of some thousands.
        Outcome::Panic => resume_unwind(Box::new("a scripted panic")),
    }
}

async fn after(time: Option<Ms>) {
    match time {
        Some(time) => sleep(ms(time)).await,
        None => pending().await,
    }
}

fn phase(phase: misc_core::Phase) -> Phase {
    match phase {
        misc_core::Phase::Waiting => Phase::Waiting,
        misc_core::Phase::Starting => Phase::Starting,
        misc_core::Phase::Ready => Phase::Ready,
        misc_core::Phase::Stopping => Phase::Stopping,
        misc_core::Phase::Restarting => Phase::Restarting,
        misc_core::Phase::Stopped => Phase::Stopped,
        misc_core::Phase::Failed => Phase::Failed,
        other => unreachable!("{other:?}: the model knows no such phase"),
    }
}

fn since(start: Instant) -> Ms {
    let elapsed = start.elapsed();
    assert_eq!(elapsed.subsec_nanos() % 1_000_000, 0, "a paused clock moves by whole milliseconds");
    elapsed.as_secs() * 1_000 + u64::from(elapsed.subsec_millis())
}

fn ms(time: Ms) -> Duration {
    Duration::from_millis(time)
}
