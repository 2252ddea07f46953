//! Every target holds on its seeds, and every seed belongs to a target.

use std::{
    fs,
    path::{Path, PathBuf},
};

use misc_fuzz::TARGETS;

#[test]
fn every_target_holds_on_its_seeds() {
    for target in TARGETS {
        let seeds = entries(&corpus().join(target.name));
        assert!(!seeds.is_empty(), "`{}` has nothing to start from", target.name);
        for seed in seeds {
            // Shown when the target panics, to tell which seed it was.
            println!("{}", seed.display());
            (target.run)(&fs::read(&seed).unwrap());
        }
    }
}

#[test]
fn every_seed_belongs_to_a_target() {
    let names: Vec<_> = TARGETS.iter().map(|target| corpus().join(target.name)).collect();
    assert_eq!(entries(&corpus()), names);
}

#[test]
fn targets_hold_on_nothing_and_on_nonsense() {
    for target in TARGETS {
        (target.run)(b"");
        (target.run)(&[0xff; 64]);
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// What is in a directory, in order.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .expect("a directory");
    entries.sort();
    entries
}
