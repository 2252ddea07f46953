//! What is opened for tasks.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use misc_core::{App, BoxError, Context, Restart, spec};
use misc_scheduler::{NotOpen, service};
use misc_test::TestApp;
use tokio::time::sleep;

use crate::subject::{MS, SECS, pass};

type Notes = Arc<Mutex<Vec<String>>>;

/// Something that is open.
#[derive(Clone)]
struct Pool {
    name: &'static str,
    number: u32,
    notes: Notes,
}

impl Pool {
    async fn close(&self) -> Result<(), BoxError> {
        sleep(MS(10)).await;
        self.notes.lock().unwrap().push(format!("{} closes", self.name));
        Ok(())
    }
}

/// A service with two of them.
#[derive(Clone, Default)]
struct Shop {
    notes: Notes,
    opened: Arc<AtomicU32>,
    fails: Option<&'static str>,
    fails_once: Arc<AtomicBool>,
}

impl Shop {
    fn failing(what: &'static str) -> Self {
        Self { fails: Some(what), ..Self::default() }
    }

    async fn open(&self, name: &'static str) -> Result<Pool, BoxError> {
        sleep(MS(10)).await;
        self.note(format!("{name} opens"));
        self.check(name)?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Pool { name, number, notes: Arc::clone(&self.notes) })
    }

    fn check(&self, name: &'static str) -> Result<(), BoxError> {
        match self.fails {
            Some("once") if name == "task" && !self.fails_once.swap(true, Ordering::Relaxed) => Err("once".into()),
            Some(fails) if fails == name => Err(format!("{name} cannot").into()),
            _ => Ok(()),
        }
    }

    fn note(&self, what: impl Into<String>) {
        self.notes.lock().unwrap().push(what.into());
    }
}

#[service]
impl Shop {
    /// The database.
    #[context(close = Pool::close)]
    async fn db(&self) -> Result<Pool, BoxError> {
        self.open("db").await
    }

    #[context(close = async |pool: &Pool| pool.close().await)]
    async fn cache(&self) -> Result<Pool, BoxError> {
        let db = self.db().await?;
        self.note(format!("cache sees {} {}", db.name, db.number));
        self.open("cache").await
    }

    #[context]
    async fn greeting(&self) -> Result<&'static str, std::convert::Infallible> {
        Ok("hello")
    }

    #[task(once)]
    async fn init(&self) -> Result<(), BoxError> {
        self.check("task")?;
        self.note(format!("init sees {} {}", self.cache().await?.name, self.greeting().await?));
        Ok(())
    }

    #[task]
    async fn query(&self) -> Result<u32, NotOpen> {
        sleep(SECS(1)).await;
        self.helper().await
    }

    #[task]
    async fn panic(&self, _why: ()) -> Result<(), BoxError> {
        panic!("as it was asked to")
    }

    async fn helper(&self) -> Result<u32, NotOpen> {
        let number = self.db().await?.number;
        self.note("query");
        Ok(number)
    }

    async fn run(&self, ctx: Context) -> Result<(), BoxError> {
        self.note(format!("run sees {}", self.db().await?.name));
        self.check("run")?;
        ctx.ready();
        ctx.stopping().await;
        self.note(format!("run still sees {}", self.db().await?.name));
        Ok(())
    }
}

const UP: [&str; 5] = ["db opens", "cache sees db 0", "cache opens", "init sees cache hello", "run sees db"];

#[tokio::test(start_paused = true)]
async fn they_are_open_before_the_tasks_and_closed_after_them() {
    let shop = Shop::default();
    let notes = Arc::clone(&shop.notes);
    let (tasks, service) = shop.with_tasks();
    let app = TestApp::start(App::new("app").service("shop", service)).await;
    assert_eq!(app.handle().list(), ["shop", "shop/db", "shop/cache", "shop/greeting"]);
    let query = tasks.query();
    app.stop().await.assert_clean().await;
    assert_eq!(query.await.unwrap(), 0);
    let notes = notes.lock().unwrap();
    let down = ["run still sees db", "query", "cache closes", "db closes"];
    assert_eq!((&notes[..5], &notes[5..]), (&UP.map(str::to_owned)[..], &down.map(str::to_owned)[..]));
}

/// Starts it, and returns what it has noted, and what the report says.
async fn failed(shop: Shop) -> (Vec<String>, String) {
    let notes = Arc::clone(&shop.notes);
    let ended = TestApp::launch(App::new("app").service("shop", shop)).ended().await;
    assert_eq!(ended.exit_code(), 1);
    (Arc::try_unwrap(notes).unwrap().into_inner().unwrap(), ended.report().to_string())
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_closed_when_the_start_fails() {
    let (notes, report) = failed(Shop::failing("db")).await;
    assert_eq!(notes, ["db opens"]);
    assert!(report.contains("service `shop` failed") && report.contains("db cannot"), "{report}");

    let (notes, report) = failed(Shop::failing("cache")).await;
    assert_eq!(notes, ["db opens", "cache sees db 0", "cache opens", "db closes"]);
    assert!(report.contains("cache cannot"), "{report}");

    let (notes, report) = failed(Shop::failing("task")).await;
    assert_eq!(notes, ["db opens", "cache sees db 0", "cache opens", "cache closes", "db closes"]);
    assert!(report.contains("task `init` failed") && report.contains("task cannot"), "{report}");

    let (notes, report) = failed(Shop::failing("run")).await;
    assert_eq!(notes[5..], ["cache closes", "db closes"]);
    assert!(report.contains("run cannot"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_they_open_closes_what_is_open() {
    let shop = Shop::default();
    let notes = Arc::clone(&shop.notes);
    let app = TestApp::launch(App::new("app").service("shop", shop));
    app.phases().until("shop/cache starting").await;
    app.stop().await.assert_clean().await;
    let notes = notes.lock().unwrap();
    assert_eq!((notes.first().unwrap().as_str(), notes.last().unwrap().as_str()), ("db opens", "db closes"));
}

#[tokio::test(start_paused = true)]
async fn a_restart_closes_and_opens_them_anew() {
    let shop = Shop::failing("once");
    let notes = Arc::clone(&shop.notes);
    let app = TestApp::start(App::new("app").service("shop", spec(shop).restart(Restart::default()))).await;
    app.stop().await.assert_clean().await;
    let notes = notes.lock().unwrap();
    let first = ["db opens", "cache sees db 0", "cache opens", "cache closes", "db closes"];
    assert_eq!((&notes[..5], notes[6].as_str()), (&first.map(str::to_owned)[..], "cache sees db 2"));
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_a_handle_opens_them_anew_too() {
    let (tasks, service) = Shop::default().with_tasks();
    let app = TestApp::start(App::new("app").service("shop", spec(service).restart(Restart::default()))).await;
    assert_eq!(tasks.query().await.unwrap(), 0);
    app.handle().restart("shop").await.unwrap();
    assert_eq!(tasks.query().await.unwrap(), 2);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_task_leaves_them_open() {
    let (tasks, service) = Shop::default().with_tasks();
    let app = TestApp::start(App::new("app").service("shop", service)).await;
    assert!(tasks.panic(()).await.unwrap_err().is_panic());
    assert_eq!(tasks.query().await.unwrap(), 0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn outside_of_the_running_service_they_are_an_error() {
    let shop = Shop::default();
    let error = shop.db().await.err().unwrap();
    assert!(error.is_outside() && !error.is_gone());
    assert_eq!(
        error.to_string(),
        "context `db` is open while its service runs, in the tasks of the service and in its `run`: not here"
    );
}

/// Asks others for what is theirs.
struct Curious {
    other: Arc<Shop>,
    same: Option<Arc<Self>>,
    found: Arc<Mutex<Vec<String>>>,
}

#[service]
impl Curious {
    #[context]
    async fn early(&self) -> Result<u8, NotOpen> {
        let error = self.late().await.unwrap_err();
        self.found.lock().unwrap().push(error.to_string());
        Ok(1)
    }

    #[context]
    async fn late(&self) -> Result<u8, NotOpen> {
        Ok(2)
    }

    #[task(once)]
    async fn ask(&self) -> Result<(), BoxError> {
        self.late().await?;
        let mut found = vec![self.other.db().await.err().unwrap().to_string()];
        if let Some(same) = &self.same {
            found.push(same.late().await.unwrap_err().to_string());
        }
        self.found.lock().unwrap().extend(found);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_those_of_their_own_service_alone() {
    let found = Arc::<Mutex<Vec<String>>>::default();
    let curious = |same| Curious { other: Arc::default(), same, found: Arc::clone(&found) };
    let app = TestApp::start(App::new("app").service("curious", curious(Some(Arc::new(curious(None)))))).await;
    app.stop().await.assert_clean().await;
    let another = "is that of the service that runs here, and this is another one, or a clone of it";
    assert_eq!(
        *found.lock().unwrap(),
        [
            "context `late` is not open yet: contexts are opened in the order in which they are written; move it up"
                .to_owned(),
            format!("context `db` {another}"),
            format!("context `late` {another}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn others_do_not_find_them_by_their_type() {
    let other = async |ctx: Context| {
        assert!(ctx.get::<Pool>().await.err().unwrap().is_absent());
        ctx.ready();
        Ok(())
    };
    let app = App::new("app").service("shop", Shop::default()).service("other", other);
    pass(MS(1)).await;
    TestApp::start(app).await.stop().await.assert_clean().await;
}

/// Opens something that does not come, or that panics.
struct Slow(bool);

#[service]
impl Slow {
    #[context]
    async fn db(&self) -> Result<u8, BoxError> {
        assert!(!self.0, "cannot even try");
        std::future::pending().await
    }

    #[task(once)]
    async fn never(&self) {
        panic!("nothing is open");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_open_is_named() {
    for (panics, says) in
        [(false, "`slow/db` was not ready within 30s: its open function had not returned"), (true, "cannot even try")]
    {
        let ended = TestApp::launch(App::new("app").service("slow", Slow(panics))).ended().await;
        let report = ended.report().to_string();
        assert!(report.contains("service `slow` ") && report.contains(says), "{report}");
    }
}
