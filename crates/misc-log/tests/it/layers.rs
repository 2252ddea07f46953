//! Layers of one's own beside the log.

use std::sync::{Arc, Mutex};

use misc_log::{
    Config, Output, Setup,
    tracing_subscriber::{Layer, Registry, filter::LevelFilter, layer::Context},
};
use tracing::{Event, debug, dispatcher::with_default, info, trace};

use crate::support::Dir;

/// Remembers the levels of the events that it sees.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Layer<Registry> for Seen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, Registry>) {
        self.0.lock().unwrap().push(event.metadata().level().to_string());
    }
}

#[test]
fn a_layer_sees_what_its_own_filter_says() {
    let dir = Dir::new();
    let mut config = Config::default();
    config.filter = Some("info".to_owned());
    config.output = Output::File(dir.file("log"));
    let (all, some) = (Seen::default(), Seen::default());
    let setup = Setup::new(config).layer(all.clone()).layer(some.clone().with_filter(LevelFilter::DEBUG));
    let (dispatch, log) = setup.build().unwrap();
    with_default(&dispatch, || {
        info!("1");
        debug!("2");
        trace!("3");
    });
    drop(log);
    assert_eq!(*all.0.lock().unwrap(), ["INFO", "DEBUG", "TRACE"]);
    assert_eq!(*some.0.lock().unwrap(), ["INFO", "DEBUG"]);
    assert_eq!(std::fs::read_to_string(dir.file("log")).unwrap().lines().count(), 1);
}
