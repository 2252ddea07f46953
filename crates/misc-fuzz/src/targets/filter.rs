//! Any text as a filter of the log is refused with what is wrong, or taken, and then says what was set.

use std::sync::LazyLock;

use misc_log::{Config, LevelHandle, Log, Setup};
use tracing::Dispatch;

/// A log that outlives the inputs: setting a filter is what is fuzzed, not setting up.
static LOG: LazyLock<(Dispatch, Log)> = LazyLock::new(|| {
    let mut config = Config::default();
    config.filter = Some("off".to_owned());
    Setup::new(config).build().expect("a log to standard error")
});

pub(super) fn run(bytes: &[u8]) {
    let Ok(filter) = str::from_utf8(bytes) else {
        return;
    };
    let level = LOG.1.level();
    let before = level.current();
    match level.set(filter) {
        Ok(()) => comes_back(&level),
        Err(error) => {
            assert_eq!(level.current(), before, "what is refused changes nothing");
            let text = error.to_string();
            assert!(text.starts_with("bad log filter"), "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

/// What a filter says it is can be set again, and is the same then.
fn comes_back(level: &LevelHandle) {
    let current = level.current();
    level.set(&current).expect("a filter that was in use");
    assert_eq!(level.current(), current);
}
