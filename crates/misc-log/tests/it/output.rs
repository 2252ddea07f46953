//! Files that come and go.

use std::{fs, io::Write};

use misc_log::{Config, Output, Setup};
use tracing::info;

use crate::support::{Dir, Logged};

#[test]
fn lines_for_a_file_that_is_gone_for_good_are_counted() {
    let dir = Dir::new();
    let (inner, mut config) = (dir.file("inner"), Config::default());
    fs::create_dir(&inner).unwrap();
    config.output = Output::File(inner.join("log"));
    let (dispatch, log) = Setup::new(config).build().unwrap();
    let logged = Logged { dispatch, log, path: inner.join("log"), _dir: dir };
    logged.run(|| info!("before"));
    assert!(logged.text().ends_with("before\n"));

    fs::remove_dir_all(&inner).unwrap();
    logged.run(|| info!("nowhere"));
    logged.log.flush(std::time::Duration::from_secs(10));
    assert_eq!(logged.log.dropped(), 1);

    fs::create_dir(&inner).unwrap();
    logged.run(|| info!("again"));
    let text = logged.end();
    assert!(text.contains("again\n"), "{text}");
    assert!(text.contains("1 log line was dropped: the output failed: No such file or directory"), "{text}");
}

#[test]
fn a_line_that_another_process_has_left_torn_is_ended_first() {
    let logged = Logged::with(|config| {
        let Output::File(path) = &config.output else { panic!("a file") };
        fs::File::create(path).unwrap().write_all(b"{\"half").unwrap();
    });
    logged.run(|| info!("whole"));
    let text = logged.text();
    let (half, whole) = text.split_once('\n').unwrap();
    assert_eq!(half, "{\"half");
    assert!(whole.ends_with("whole\n") && whole.starts_with("20"), "{whole}");
}

#[test]
fn a_file_name_without_a_directory_can_be_read_back() {
    let mut config = Config::default();
    config.output = Output::File("shop.log".into());
    let again: Config = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
    assert_eq!(again.output.to_string(), config.output.to_string());
}
