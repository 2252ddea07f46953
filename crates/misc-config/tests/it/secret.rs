//! Secrets: wherever they are, nothing tells them, and they are overwritten at the end of their life.

mod flat;
mod masked;
mod undescribed;

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use misc_config::{Config, Format, Layer, Loader, Secret, Zeroize};

/// Tells when it is overwritten.
struct Key(Arc<AtomicBool>);

impl Zeroize for Key {
    fn zeroize(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_secret_is_overwritten_when_it_is_dropped() {
    let overwritten = Arc::new(AtomicBool::new(false));
    let secret = Secret::new(Key(Arc::clone(&overwritten)));
    assert!(!secret.expose().0.load(Ordering::Relaxed));
    drop(secret);
    assert!(overwritten.load(Ordering::Relaxed));
}

fn loader<T: Config>(yaml: &str) -> Loader<T> {
    T::loader().layer(Layer::parse("config.yaml", Format::Yaml, yaml).unwrap())
}

/// Checks that what is valid is printed and explained without its secrets.
#[track_caller]
fn check_hidden<T: Config + Debug>(yaml: &str) {
    loader::<T>(yaml).load().unwrap_or_else(|error| panic!("{yaml}\n{error}"));
    for flag in ["--print-config", "--explain-config"] {
        let shown = loader::<T>(yaml).cli_from(["shop", flag]).load().unwrap_err().to_string();
        assert!(shown.contains("******") && !shown.contains("hunter"), "{yaml}\n{shown}");
    }
}

/// Checks what is printed, and that this is refused, since a mask is no secret.
#[track_caller]
fn check_printed<T: Config + Debug>(yaml: &str, printed: &str, refused: &str) {
    let shown = loader::<T>(yaml).cli_from(["shop", "--print-config"]).load().unwrap_err().to_string();
    assert_eq!(shown, printed, "{yaml}");
    check_refused::<T>(&shown, refused);
}

/// Checks everything that is wrong.
#[track_caller]
fn check_refused<T: Config + Debug>(yaml: &str, expected: &str) {
    let error = loader::<T>(yaml).load().unwrap_err();
    let told = error.problems().iter().map(|problem| format!("{}: {}", problem.path(), problem.message()));
    assert_eq!(told.collect::<Vec<_>>().join("\n"), expected, "{yaml}");
    assert!(!error.to_string().contains("hunter"), "{error}");
}
