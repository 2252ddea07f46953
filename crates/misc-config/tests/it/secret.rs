//! Secrets at the end of their life.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc_config::{Secret, Zeroize};

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
