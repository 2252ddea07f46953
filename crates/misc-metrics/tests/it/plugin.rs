//! The registry as a part of an app.

use misc_core::{App, BoxError, Context};
use misc_metrics::Registry;

use crate::support::value;

async fn count(ctx: Context) -> Result<(), BoxError> {
    ctx.meter().counter("rows_imported_total", "Rows imported.").increment(3);
    ctx.ready();
    Ok(())
}

#[tokio::test]
async fn it_is_the_meter_of_all_services() {
    let metrics = Registry::new("shop");
    let app = App::new("shop").with(metrics.clone()).service("import", count);
    app.without_signals().run().await.unwrap();
    assert_eq!(value(&metrics, "rows_imported_total"), Some(3.0));
    let ready = "misc_service_transitions_total{phase=\"ready\",service=\"import\"}";
    assert_eq!(value(&metrics, ready), Some(1.0), "the core records into it, too");
    assert!(value(&metrics, "tokio_workers").is_some());
    #[cfg(target_os = "linux")]
    assert!(value(&metrics, "process_open_fds").is_some());
}

#[tokio::test]
async fn the_metrics_of_the_process_can_be_left_out() {
    let metrics = Registry::new("shop").without_process_metrics();
    let app = App::new("shop").with(metrics.clone()).service("import", count);
    app.without_signals().run().await.unwrap();
    assert_eq!(value(&metrics, "rows_imported_total"), Some(3.0));
    assert_eq!(value(&metrics, "tokio_workers"), None);
    assert_eq!(value(&metrics, "process_open_fds"), None);
}

#[tokio::test]
async fn two_apps_share_nothing() {
    let registries = [Registry::new("shop"), Registry::new("shop")];
    let [one, other] = registries.clone().map(|metrics| App::new("shop").with(metrics).service("import", count));
    one.without_signals().run().await.unwrap();
    assert_eq!(registries.each_ref().map(|metrics| value(metrics, "rows_imported_total")), [Some(3.0), None]);
    drop(other);
}
