//! The name of the service on each line, and the log as a plugin.

use misc_core::{App, Context};
use misc_log::Format;
use tracing::{dispatcher::set_default, info};

use crate::support::Logged;

#[tokio::test]
async fn lines_of_a_service_have_its_path() {
    let logged = Logged::new(Format::Json);
    let _installed = set_default(&logged.dispatch);
    let service = async |ctx: Context| {
        ctx.ready();
        ctx.spawn(async { info!("in a task") }).await?;
        info!(service = "other", "its own");
        Ok(())
    };
    App::new("shop").without_signals().service("web", App::new("web").service("http", service)).run().await.unwrap();
    info!("outside");
    assert!(logged.text().lines().all(|line| line.matches(r#""service":"#).count() <= 1), "{}", logged.text());
    let lines = logged.json();
    let service = |message: &str| lines.iter().find(|line| line["message"] == message).unwrap().get("service").cloned();
    assert_eq!(service("in a task"), Some("web/http".into()));
    assert_eq!(service("its own"), Some("other".into()));
    assert_eq!(service("outside"), None);
}

#[tokio::test]
async fn lines_of_the_core_name_the_service_that_they_are_about() {
    let logged = Logged::new(Format::Compact);
    let _installed = set_default(&logged.dispatch);
    App::new("shop").without_signals().service("http", async |_: Context| Ok(())).run().await.unwrap();
    assert!(
        logged.text().contains("misc_core::lifecycle::log: service ready service=http from=starting"),
        "{}",
        logged.text()
    );
}

#[tokio::test]
async fn an_app_keeps_the_log_until_everything_has_ended() {
    let Logged { dispatch, log, path, _dir, .. } = Logged::new(Format::Compact);
    let _installed = set_default(&dispatch);
    let app = App::new("shop").without_signals().with(log).service("http", async |_: Context| Ok(()));
    app.run().await.unwrap();
    assert!(std::fs::read_to_string(path).unwrap().contains(": app stopped app=shop"));
}
