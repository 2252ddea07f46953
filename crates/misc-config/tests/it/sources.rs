//! Sources of one's own, and the copy for when one is away.

use std::{
    error::Error as _,
    fmt, fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

use misc_config::{Config, Error, Format, LastGood, Layer, Secret, Source};
use misc_core::BoxError;
use misc_test::Logs;
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::dir::Dir;

/// The settings of a shop.
#[derive(Debug, serde::Deserialize, Config)]
#[config(env_prefix = "SHOP")]
struct Shop {
    /// The port to listen on.
    #[config(default = 8000)]
    port: u16,
    /// Who it trusts.
    #[config(default = "nobody")]
    token: Secret<String>,
    /// What it sells.
    #[serde(default)]
    goods: Vec<String>,
    /// The largest number.
    #[config(default = 0)]
    large: u128,
}

/// A source that answers after a time.
#[derive(Clone)]
struct Place {
    says: Result<&'static str, Away>,
    after: Duration,
    accepted: Arc<AtomicUsize>,
}

impl Place {
    fn saying(text: &'static str) -> Self {
        Self { says: Ok(text), after: Duration::ZERO, accepted: Arc::default() }
    }

    fn away() -> Self {
        Self { says: Err(Away::For(&Away::Refused)), ..Self::saying("") }
    }

    fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Source for Place {
    async fn load(&self) -> Result<Layer, BoxError> {
        sleep(self.after).await;
        Ok(Layer::parse("centre", Format::Json, self.says.clone()?)?)
    }

    fn accepted(&self, _: &Layer) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }
}

/// An error.
#[derive(Debug, Clone)]
enum Away {
    /// The one behind others.
    Refused,
    /// One with another behind it.
    For(&'static Self),
    /// One that tells what was asked.
    At(&'static str),
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::For(_) => f.write_str("no answer"),
            Self::At(url) => write!(f, "no answer from ({url})"),
        }
    }
}

impl std::error::Error for Away {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::For(error) => Some(*error),
            _ => None,
        }
    }
}

/// Checks the report of settings that cannot be loaded.
#[track_caller]
fn check(loaded: Result<Shop, Error>, expected: &str) {
    let error = loaded.expect_err("it cannot be loaded");
    assert_eq!(error.to_string(), format!("the configuration has an error:\n  {expected}"));
    assert_eq!((error.exit().code(), error.source().is_some()), (78, true));
}

#[tokio::test]
async fn a_later_source_goes_over_an_earlier_one_and_the_command_line_over_both() {
    let first = Place::saying(r#"{ "port": 1, "goods": ["apples"] }"#);
    let loader = || {
        Shop::loader().source(first.clone()).source(Place::saying(r#"{ "port": 2 }"#)).env_from([("SHOP_PORT", "3")])
    };
    let shop = loader().load().await.unwrap();
    assert_eq!((shop.port, shop.goods), (2, vec!["apples".to_owned()]));
    assert_eq!(loader().cli_from(["shop", "--port=4"]).load().await.unwrap().port, 4);
}

#[tokio::test]
async fn an_error_of_a_source_tells_all_that_is_behind_it() {
    let shop = Shop::loader().source(Place::away()).load().await;
    check(shop, "a source cannot be asked: no answer: connection refused");
}

#[tokio::test]
async fn values_of_a_source_tell_where_they_are() {
    let shop = Shop::loader().source(Place::saying("{\n  \"port\": 70000\n}")).load().await;
    check(shop, "port: expected an integer from 0 to 65535, found an integer `70000`\n    at centre:2:11");
}

#[tokio::test]
async fn passwords_in_urls_are_not_told() {
    let (dir, logs) = (Dir::new(), Logs::capture());
    let copy = dir.path().join("copy.json");
    let away = || Place { says: Err(Away::At("http://shop:hunter2@centre/x")), ..Place::saying("") };
    let told = "no answer from (http://shop:******@centre/x)";
    check(Shop::loader().source(away()).load().await, &format!("a source cannot be asked: {told}"));
    fs::write(&copy, "{}").unwrap();
    Shop::loader().source(LastGood::new(away(), &copy)).load().await.unwrap();
    logs.assert_logged(told);
    logs.assert_not_logged("hunter2");
}

#[test]
fn names_of_layers_are_told_without_their_passwords() {
    let layer = |text| Layer::parse("http://shop:hunter2@centre/x", Format::Json, text);
    let load = |layer| Shop::loader().env_from([("SHOP_PORT", "1")]).layer(layer);
    let shown = "http://shop:******@centre/x";
    let report = "port: expected an integer from 0 to 65535, found a text `many`";
    check(load(layer(r#"{"port": "many"}"#).unwrap()).load(), &format!("{report}\n    at {shown}:1:10"));
    let logs = Logs::capture();
    let (_, explanation) = load(layer(r#"{"port": 2}"#).unwrap()).load_explained().unwrap();
    assert!(explanation.to_string().contains(shown) && !explanation.to_string().contains("hunter2"), "{explanation}");
    logs.assert_logged(&format!("`SHOP_PORT` is set, but `port` is taken from {shown}:1:10"));
    logs.assert_not_logged("hunter2");
    assert!(layer("{").unwrap_err().to_string().contains(shown));
    let error = load(Layer::new().set("port", "many", "http://shop:hunter2@centre/x")).load().unwrap_err();
    assert_eq!(error.problems()[0].origin(), Some(shown));
}

#[tokio::test(start_paused = true)]
async fn a_source_has_ten_seconds_or_what_it_is_given() {
    let hangs = || Shop::loader().source(Place::saying("{}").after(Duration::MAX));
    let late = "a source cannot be asked: it did not answer in time";
    let began = Instant::now();
    check(hangs().load().await, late);
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    check(hangs().source_timeout(Duration::from_secs(1)).load().await, late);
    assert_eq!(began.elapsed(), Duration::from_secs(11));
}

#[tokio::test]
async fn a_source_hears_when_all_is_valid() {
    let (one, bad) = (Place::saying("{}"), Place::saying(r#"{ "port": "many" }"#));
    Shop::loader().source(one.clone()).load().await.unwrap();
    assert_eq!(one.accepted(), 1);
    Shop::loader().source(one.clone()).source(bad.clone()).load().await.unwrap_err();
    assert_eq!((one.accepted(), bad.accepted()), (1, 0));
}

#[tokio::test]
async fn the_last_good_copy_stands_in_for_a_source_that_is_away() {
    let (dir, logs) = (Dir::new(), Logs::capture());
    let copy = dir.path().join("copy.json");
    let text = r#"{ "port": 1, "token": "hunter2", "goods": ["a", "b"], "large": 18446744073709551615 }"#;
    Shop::loader().source(LastGood::new(Place::saying(text), &copy)).load().await.unwrap();
    logs.assert_not_logged("copy");

    let loader = || Shop::loader().source(LastGood::new(Place::away(), &copy));
    let shop = loader().load().await.unwrap();
    assert_eq!((shop.port, shop.token.expose().as_str(), shop.large), (1, "hunter2", u64::MAX.into()));
    assert_eq!(shop.goods, ["a", "b"]);
    logs.assert_logged(&format!(
        "a source cannot be asked, so its last good copy in {} is used: no answer: connection refused",
        copy.display()
    ));
    logs.assert_not_logged("hunter2");
}

#[tokio::test]
async fn the_copy_stands_in_for_nonsense_too() {
    let (dir, logs) = (Dir::new(), Logs::capture());
    let copy = dir.path().join("copy.json");
    fs::write(&copy, r#"{"port":1}"#).unwrap();
    let shop = Shop::loader().source(LastGood::new(Place::saying("{ port"), &copy)).load().await;
    assert_eq!(shop.unwrap().port, 1);
    let warnings = logs.at_least(Level::WARN);
    assert_eq!(warnings[0].message().matches("is not valid JSON").count(), 1, "{warnings:?}");
}

#[tokio::test]
async fn settings_that_are_not_valid_are_no_good_copy() {
    let dir = Dir::new();
    let copy = dir.path().join("copy.json");
    for text in [r#"{ "port": 1 }"#, r#"{ "port": "many" }"#] {
        drop(Shop::loader().source(LastGood::new(Place::saying(text), &copy)).load().await);
    }
    assert_eq!(fs::read_to_string(&copy).unwrap(), r#"{"port":1}"#);
}

#[tokio::test]
async fn without_a_good_copy_both_reasons_are_told() {
    let dir = Dir::new();
    let copy = dir.path().join("copy.json");
    let shown = copy.display();
    let load = async || Shop::loader().source(LastGood::new(Place::away(), &copy)).load().await;
    let away = format!(
        "a source cannot be asked: no answer: connection refused; nor can its last good copy in {shown} be used: "
    );
    check(load().await, &format!("{away}No such file or directory (os error 2)"));
    fs::write(&copy, r#"{ "token": "hunter2"#).unwrap();
    let error = load().await.unwrap_err().to_string();
    assert!(error.contains(&format!("{away}is not valid JSON")) && !error.contains("hunter2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_leaves_time_for_the_copy() {
    let dir = Dir::new();
    let copy = dir.path().join("copy.json");
    fs::write(&copy, r#"{"port":1}"#).unwrap();
    let hangs = || LastGood::new(Place::saying("{}").after(Duration::MAX), &copy);
    let began = Instant::now();
    assert_eq!(Shop::loader().source(hangs()).load().await.unwrap().port, 1);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    let hasty = hangs().patience(Duration::from_secs(1));
    assert_eq!(Shop::loader().source(hasty).load().await.unwrap().port, 1);
    assert_eq!(began.elapsed(), Duration::from_secs(6));
}

#[tokio::test]
async fn a_copy_that_cannot_be_kept_is_a_warning() {
    let (dir, logs) = (Dir::new(), Logs::capture());
    let copy = dir.path().join("missing/copy.json");
    Shop::loader().source(LastGood::new(Place::saying("{}"), &copy)).load().await.unwrap();
    logs.assert_logged(&format!("no copy of a source could be kept in {}: No such file", copy.display()));
}

#[cfg(unix)]
#[test]
fn a_copy_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let dir = Dir::new();
    let copy = dir.path().join("copy.json");
    fs::write(&copy, "{}").unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o666)).unwrap();
    LastGood::new(Place::away(), &copy).accepted(&Layer::new().set("token", "hunter2", "test"));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_copy_is_always_whole_whoever_writes_it() {
    let dir = Dir::new();
    let copy = dir.path().join("copy.json");
    let texts: Vec<String> = (1..=4_usize).map(|writer| writer.to_string().repeat(100_000 * writer)).collect();
    thread::scope(|scope| {
        let copy = &copy;
        let write = move |text: &String| {
            let (layer, logs) = (Layer::new().set("token", &**text, "test"), Logs::capture());
            (0..20).for_each(|_| LastGood::new(Place::away(), copy).accepted(&layer));
            logs.assert_not_logged("no copy of a source could be kept");
        };
        let writers: Vec<_> = texts.iter().map(|text| scope.spawn(move || write(text))).collect();
        while !writers.iter().all(ScopedJoinHandle::is_finished) {
            assert!(is_whole(copy, &texts));
        }
    });
    assert!(copy.exists() && is_whole(&copy, &texts));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
}

/// Whether a copy holds one of the texts, unless it is not there yet.
fn is_whole(copy: &Path, texts: &[String]) -> bool {
    let text = |found: &str| Some(found.strip_prefix(r#"{"token":""#)?.strip_suffix(r#""}"#)?.to_owned());
    fs::read_to_string(copy).map_or(true, |found| text(&found).is_some_and(|text| texts.contains(&text)))
}
