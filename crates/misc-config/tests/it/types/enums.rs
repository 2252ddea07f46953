//! Enums, in all the ways in which serde tells variants apart.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use misc_config::{Config, Format, Layer, Loader};
use serde::Deserialize;

use super::{check, check_refused, text};

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Stored {
    #[config(nested)]
    store: Store,
    #[serde(default)]
    #[config(nested)]
    more: Vec<Store>,
    #[config(nested)]
    spare: Option<Box<Store>>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Store {
    Memory {
        entries: u32,
        #[config(nested)]
        options: MemoryOptions,
    },
    #[serde(alias = "file")]
    Disk {
        path: PathBuf,
        #[config(default = "1m")]
        sync: Duration,
        #[config(nested)]
        options: DiskOptions,
    },
    Remote(RemoteStore),
    Off,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct MemoryOptions {
    #[config(default = false)]
    locked: bool,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct DiskOptions {
    #[config(default = "4KiB", bytes)]
    block: u32,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct RemoteStore {
    address: SocketAddr,
    #[config(default = "3s")]
    timeout: Duration,
}

fn stored(store: Store) -> Stored {
    Stored { store, more: Vec::new(), spare: None }
}

fn memory(entries: u32, locked: bool) -> Store {
    Store::Memory { entries, options: MemoryOptions { locked } }
}

fn disk(sync: u64, block: u32) -> Store {
    let sync = Duration::from_secs(sync);
    Store::Disk { path: PathBuf::from("/a"), sync, options: DiskOptions { block } }
}

fn remote(timeout: u64) -> Store {
    Store::Remote(RemoteStore { address: ([127, 0, 0, 1], 80).into(), timeout: Duration::from_secs(timeout) })
}

#[test]
fn a_tag_decides_about_the_other_keys() {
    let variables = [("STORE_KIND", "memory"), ("STORE_ENTRIES", "5"), ("STORE_OPTIONS_LOCKED", "on")];
    check("store: {kind: memory, entries: 5, options: {locked: true}}", &variables, &stored(memory(5, true)));
    let variables = [("STORE_KIND", "disk"), ("STORE_PATH", "/a"), ("STORE_OPTIONS_BLOCK", "1KiB")];
    check("store: {kind: disk, path: /a, options: {block: 1KiB}}", &variables, &stored(disk(60, 1_024)));
    check("store: {kind: file, path: /a, sync: 2s}", &[], &stored(disk(2, 4_096)));
    let variables = [("STORE_KIND", "remote"), ("STORE_ADDRESS", "127.0.0.1:80"), ("STORE_TIMEOUT", "9s")];
    check("store: {kind: remote, address: '127.0.0.1:80', timeout: 9s}", &variables, &stored(remote(9)));
    check("store: {kind: off}", &[("STORE_KIND", "off")], &stored(Store::Off));
}

#[test]
fn tagged_sections_may_be_in_lists_and_missing() {
    let yaml = concat!(
        "store: {kind: off}\n",
        "more: [{kind: memory, entries: 1}, {kind: disk, path: /a, sync: 5s}, {kind: remote, address: '127.0.0.1:80'}]\n",
        "spare: {kind: remote, address: '127.0.0.1:80', timeout: 1s}\n",
    );
    let more = vec![memory(1, false), disk(5, 4_096), remote(3)];
    check(yaml, &[], &Stored { store: Store::Off, more, spare: Some(Box::new(remote(1))) });
}

#[test]
fn a_tag_in_one_place_leaves_out_the_keys_of_others_below() {
    let layer = |yaml: &str| Layer::parse(yaml, Format::Yaml, yaml).unwrap();
    let below = layer("store: {kind: disk, path: /a, options: {block: 1KiB}}");
    let above = layer("store: {kind: memory, entries: 5}");
    let loaded = Stored::loader().layer(below.clone()).layer(above).load();
    assert_eq!(loaded.map_err(|error| error.to_string()), Ok(stored(memory(5, false))));
    let loaded = Stored::loader().layer(below).layer(layer("store: {options: {block: 2KiB}}")).load();
    assert_eq!(loaded.map_err(|error| error.to_string()), Ok(stored(disk(60, 2_048))));
}

/// Loads layers of YAML, the lowest first, and returns what is wrong.
fn load_layers(layers: &[&str]) -> Result<Stored, String> {
    let layer = |(place, yaml): (usize, &&str)| Layer::parse(format!("{}", place + 1), Format::Yaml, yaml).unwrap();
    let loader = layers.iter().enumerate().map(layer).fold(Stored::loader(), Loader::layer);
    loader.load().map_err(|error| {
        let told = error.problems().iter().map(|problem| {
            format!("{}: {} ({})", problem.path(), problem.message(), problem.origin().unwrap_or("nowhere"))
        });
        told.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn a_tag_in_one_place_tells_what_the_keys_of_all_others_are() {
    let (keys, tag) = ("store: {path: /a, options: {blokc: 1KiB}}", "store: {kind: disk}");
    let wrong = |layer: u8| Err(format!("store.options.blokc: is not a key ({layer}:1:36)"));
    assert_eq!(load_layers(&[keys, tag]), wrong(1));
    assert_eq!(load_layers(&[tag, keys]), wrong(2));
    let variable = Stored::loader().layer(Layer::parse("1", Format::Yaml, keys).unwrap());
    let error = variable.env_from([("STORE_KIND", "disk")]).load().unwrap_err();
    assert_eq!(error.problems()[0].path(), "store.options.blokc");
}

#[test]
fn what_another_variant_reads_in_a_lower_place_does_not_count() {
    let (keys, tag) = ("store: {path: /a, options: {block: 1KiB}}", "store: {kind: memory, entries: 5}");
    assert_eq!(load_layers(&[keys, tag]), Ok(stored(memory(5, false))));
    let told = "store.options.block: is not a key (2:1:36)\nstore.path: is not a key where `kind` is `memory` (2:1:15)";
    assert_eq!(load_layers(&[tag, keys]), Err(told.to_owned()));
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Queues {
    #[config(nested)]
    queue: Queue,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Queue {
    Kept {
        #[config(nested)]
        at: At,
    },
    Lost {
        size: u8,
    },
    Open(BTreeMap<String, u8>),
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct At {
    #[serde(alias = "dir")]
    path: String,
}

#[test]
fn other_names_of_keys_are_known_whichever_place_says_the_tag() {
    let layer = |yaml| Layer::parse("config.yaml", Format::Yaml, yaml).unwrap();
    let check = |layers: [&'static str; 3]| {
        let loaded = layers.into_iter().map(layer).fold(Queues::loader(), Loader::layer).load();
        let expected = Queues { queue: Queue::Kept { at: At { path: text("/b") } } };
        assert_eq!(loaded.map_err(|error| error.to_string()), Ok(expected), "{layers:?}");
    };
    check(["queue: {kind: kept}", "queue: {at: {path: /a}}", "queue: {at: {dir: /b}}"]);
    check(["queue: {at: {path: /a}}", "queue: {at: {dir: /b}}", "queue: {kind: kept}"]);
    check(["queue: {at: {dir: /a}}", "queue: {kind: kept, at: {path: /a}}", "queue: {at: {dir: /b}}"]);
}

#[test]
fn a_variant_that_takes_any_key_does_not_let_the_others() {
    let queue = |yaml: &str| format!("queue: {{{yaml}}}");
    check_refused::<Queues>(
        &queue("kind: lost, size: 1, sise: 2"),
        "queue.sise: is not a key\n    at config.yaml:1:36\n    did you mean `queue.size`?",
    );
    let open = Queues { queue: Queue::Open(BTreeMap::from([(text("sise"), 2)])) };
    check(&queue("kind: open, sise: 2"), &[], &open);
}

#[test]
fn a_tagged_section_that_is_empty_is_one_in_which_nothing_is_set() {
    assert_eq!(load_layers(&["store: {kind: off}", "store:"]), Ok(stored(Store::Off)));
    assert_eq!(load_layers(&["store: {kind: off}\nspare:"]), Ok(stored(Store::Off)));
}

#[test]
fn a_key_of_another_variant_in_a_higher_place_than_the_tag_is_none() {
    let check = |loader: Loader<Stored>, expected: &str| {
        let report = loader.load().unwrap_err().to_string();
        let expected = format!("store.path: is not a key where `kind` is `memory`\n    at {expected}");
        assert_eq!(report, format!("the configuration has an error:\n  {expected}"));
    };
    let layer = |yaml: &str| Layer::parse("layer", Format::Yaml, yaml).unwrap();
    let memory = || Stored::loader().layer(layer("store: {kind: memory, entries: 5}"));
    check(memory().cli_from(["shop", "--store-path=/x"]), "--store-path");
    check(memory().layer(layer("store: {path: /x}")), "layer:1:15");
    let variables = [("STORE_KIND", "memory"), ("STORE_ENTRIES", "5"), ("STORE_PATH", "/x")];
    check(Stored::loader().env_from(variables), "STORE_PATH");
    let below = memory().env_from([("STORE_PATH", "/x")]).load();
    assert!(below.is_ok(), "{below:?}");
}

#[test]
fn a_key_of_another_variant_is_none() {
    let expected = "store.address: is not a key where `kind` is `memory`\n    at config.yaml:1:44";
    check_refused::<Stored>("store: {kind: memory, entries: 5, address: '127.0.0.1:80'}", expected);
    let expected = "store.options.zz: is not a key\n    at config.yaml:1:49\n    the keys here are `locked`";
    check_refused::<Stored>("store: {kind: memory, entries: 5, options: {zz: 5}}", expected);
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Cached {
    #[serde(flatten)]
    #[config(nested)]
    cache: Cache,
    #[serde(flatten)]
    #[config(nested)]
    level: Level,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(tag = "cache", rename_all = "lowercase")]
enum Cache {
    Kept {
        #[serde(alias = "dir")]
        path: PathBuf,
    },
    Temporary {
        dir: PathBuf,
    },
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(tag = "level", rename_all = "lowercase")]
enum Level {
    Fast,
    Small { ratio: u8 },
}

#[test]
fn another_name_of_a_key_may_be_the_name_of_another_variants_key() {
    let cached = |cache| Cached { cache, level: Level::Fast };
    let (path, dir) = (PathBuf::from("/a"), PathBuf::from("/a"));
    check("{cache: temporary, dir: /a, level: fast}", &[], &cached(Cache::Temporary { dir }));
    check("{cache: kept, dir: /a, level: fast}", &[], &cached(Cache::Kept { path: path.clone() }));
    check("{cache: kept, path: /a, level: fast}", &[], &cached(Cache::Kept { path }));
}

#[test]
fn two_tags_may_stand_beside_each_other() {
    let expected = Cached { cache: Cache::Temporary { dir: PathBuf::from("/a") }, level: Level::Small { ratio: 5 } };
    let variables = [("CACHE", "temporary"), ("DIR", "/a"), ("LEVEL", "small"), ("RATIO", "5")];
    check("{cache: temporary, dir: /a, level: small, ratio: 5}", &variables, &expected);
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Target {
    Number(u16),
    Name(String),
    Pair { host: String, port: u16 },
    List(Vec<u16>),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Throttle {
    NoLimit,
    Rate(u32),
    Window { count: u32, every: Duration },
    Pair(u8, u8),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "lowercase")]
enum Adjacent {
    One(u8),
    Two(u8, u8),
    Nothing,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Enums {
    target: Option<Target>,
    limit: Option<Throttle>,
    adjacent: Option<Adjacent>,
}

#[test]
fn enums_of_all_kinds_are_read_as_serde_reads_them() {
    let target = |target: Target| Enums { target: Some(target), limit: None, adjacent: None };
    check("target: 80", &[], &target(Target::Number(80)));
    check("target: shop", &[("TARGET", "shop")], &target(Target::Name(text("shop"))));
    let pair = Target::Pair { host: text("a"), port: 80 };
    check("target: {host: a, port: 80}", &[("TARGET", r#"{"host": "a", "port": 80}"#)], &target(pair));
    check("target: [1, 2]", &[("TARGET", "[1, 2]")], &target(Target::List(vec![1, 2])));
    let limit = |limit: Throttle| Enums { target: None, limit: Some(limit), adjacent: None };
    check("limit: no-limit", &[("LIMIT", "no-limit")], &limit(Throttle::NoLimit));
    check("limit: {no-limit: ~}", &[], &limit(Throttle::NoLimit));
    check("limit: {rate: 5}", &[("LIMIT", r#"{"rate": 5}"#)], &limit(Throttle::Rate(5)));
    let window = Throttle::Window { count: 1, every: Duration::from_secs(2) };
    check("limit: {window: {count: 1, every: 2s}}", &[], &limit(window));
    check("limit: {pair: [1, 2]}", &[], &limit(Throttle::Pair(1, 2)));
    let adjacent = |adjacent: Adjacent| Enums { target: None, limit: None, adjacent: Some(adjacent) };
    check("adjacent: {type: one, value: 1}", &[], &adjacent(Adjacent::One(1)));
    check("adjacent: {value: [1, 2], type: two}", &[], &adjacent(Adjacent::Two(1, 2)));
    check("adjacent: {type: nothing}", &[], &adjacent(Adjacent::Nothing));
}
