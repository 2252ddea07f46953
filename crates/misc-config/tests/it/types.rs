//! What types make of settings.

mod attributes;
mod enums;
mod open;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    fmt::Debug,
    net::{IpAddr, SocketAddr},
    num::NonZeroU8,
    path::PathBuf,
    time::Duration,
};

use misc_config::{Config, Format, Layer, Secret};
use serde::{Deserialize, Serialize};
use serde_json::json;

fn text(text: &str) -> String {
    text.to_owned()
}

/// Loads YAML.
#[track_caller]
fn load<T: Config>(yaml: &str) -> T {
    let layer = Layer::parse("config.yaml", Format::Yaml, yaml).unwrap();
    T::loader().layer(layer).load().unwrap_or_else(|error| panic!("{yaml}\n{error}"))
}

/// Checks what YAML is as settings, and that variables, where there are any, make the same of it.
#[track_caller]
fn check<T: Config + PartialEq + Debug>(yaml: &str, variables: &[(&'static str, &str)], expected: &T) {
    assert_eq!(&load::<T>(yaml), expected, "{yaml}");
    if !variables.is_empty() {
        let loaded = T::loader().env_from(variables.iter().copied()).load();
        assert_eq!(&loaded.unwrap_or_else(|error| panic!("{variables:?}\n{error}")), expected, "{variables:?}");
    }
}

/// Checks what is wrong.
#[track_caller]
fn check_refused<T: Config + Debug>(yaml: &str, expected: &str) {
    let layer = Layer::parse("config.yaml", Format::Yaml, yaml).unwrap();
    let report = T::loader().layer(layer).load().unwrap_err().to_string();
    assert_eq!(report, format!("the configuration has an error:\n  {expected}"), "{yaml}");
}

/// One key, `it`, of any type.
#[derive(Debug, PartialEq, Deserialize, Config)]
struct Only<T> {
    it: T,
}

/// Checks what a type makes of YAML, and of a variable.
#[track_caller]
fn check_only<T>(yaml: &str, variable: &str, expected: T)
where
    Only<T>: Config + PartialEq + Debug,
{
    check(&format!("it: {yaml}"), &[("IT", variable)], &Only { it: expected });
}

#[test]
fn integers_have_their_whole_range() {
    check_only("255", "255", u8::MAX);
    check_only("-9223372036854775808", "-9223372036854775808", i64::MIN);
    check_only("18446744073709551615", "18446744073709551615", u64::MAX);
    check_only("18446744073709551615", "18446744073709551615", usize::MAX);
    check_only("-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728", i128::MIN);
    check_only("170141183460469231731687303715884105727", "170141183460469231731687303715884105727", u128::MAX >> 1);
    check_only("0x1F", "31", 31_u8);
    check_only("255", "255", NonZeroU8::MAX);
}

#[test]
fn numbers_may_be_written_as_integers_and_as_texts() {
    check_only("0.1", "0.1", 0.1_f32);
    check_only("3", "3", 3.0_f32);
    check_only("'2.5'", "2.5", 2.5_f64);
    check_only("'0'", "0", 0.0_f64);
    check_only("'-0.5'", "-0.5", -0.5_f64);
    check_only("'1e-05'", "1e-05", 1e-5_f64);
    check_only("1e300", "1e300", 1e300_f64);
    check_only("-.inf", "-inf", f64::NEG_INFINITY);
    check_only(".inf", "inf", f32::INFINITY);
    check_only("100000000000000000000", "100000000000000000000", 1e20_f64);
    check_only("[100000000000000000000, -1]", "[100000000000000000000, -1]", vec![1e20_f32, -1.0]);
    check_only("18446744073709551615", "18446744073709551615", 18_446_744_073_709_551_615.0_f64);
}

#[test]
fn a_number_that_is_too_large_is_not_infinite() {
    let expected = "it: is too large for 32 bits, found a number `1e39`\n    at config.yaml:1:5";
    check_refused::<Only<f32>>("it: 1e39", expected);
    check_refused::<Only<f32>>("it: '1e39'", expected);
}

#[test]
fn texts_may_be_read_further() {
    check_only("a", "a", 'a');
    check_only("ß", "ß", 'ß');
    check_only("/etc", "/etc", PathBuf::from("/etc"));
    check_only("'::1'", "::1", IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]));
    check_only("127.0.0.1:80", "127.0.0.1:80", SocketAddr::from(([127, 0, 0, 1], 80)));
    check_only("'007'", "007", text("007"));
    check_only("007", "007", text("007"));
}

#[test]
fn spans_of_time_have_units() {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    check_only("30s", "30s", 30 * second);
    check_only("1h30m", " 1h30m ", 90 * minute);
    check_only("1h 30min", "1h 30min", 90 * minute);
    check_only("250ms", "250ms", second / 4);
    check_only("5us", "5us", Duration::from_micros(5));
    check_only("7ns", "7ns", Duration::from_nanos(7));
    check_only("2days", "2d", 48 * 60 * minute);
    check_only("0s", "0s", Duration::ZERO);
    check_only("[1s, 2m]", "1s, 2m", vec![second, 2 * minute]);
    check_only("{a: 1s}", r#"{"a": "1s"}"#, BTreeMap::from([(text("a"), second)]));
    check_only("1s", "1s", Some(second));
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Sizes {
    #[config(bytes)]
    it: u64,
    #[config(bytes)]
    other: Option<usize>,
}

#[test]
fn sizes_may_have_units() {
    let check = |yaml: &str, it: u64| {
        check(&format!("it: {yaml}"), &[("IT", yaml.trim_matches('\''))], &Sizes { it, other: None });
    };
    check("0", 0);
    check("1500", 1_500);
    check("'1500'", 1_500);
    check("10MiB", 10 << 20);
    check("10 MiB", 10 << 20);
    check("10mib", 10 << 20);
    check("10MB", 10_000_000);
    check("1.5KiB", 1_536);
    check(".5KiB", 512);
    check("1.2GiB", 1_288_490_188);
    check("0.001KB", 1);
    check("4.350KB", 4_350);
    check("9007199254740993B", 9_007_199_254_740_993);
    check("18446744073709551615B", u64::MAX);
    check("512B", 512);
    check("3GiB", 3 << 30);
    check("2TB", 2_000_000_000_000);
    check("18446744073709551615", u64::MAX);
    assert_eq!(load::<Sizes>("{it: 1, other: 2KiB}").other, Some(2_048));
}

#[test]
fn collections_are_lists_and_maps() {
    check_only("[b, a, b]", "b,a,b", vec![text("b"), text("a"), text("b")]);
    check_only("[2, 1, 2]", "2,1,2", BTreeSet::from([1_u8, 2]));
    check_only("[2, 1, 2]", "[2, 1, 2]", HashSet::from([1_i64, 2]));
    check_only("[2, 1]", "2,1", VecDeque::from([2_u16, 1]));
    check_only("{1: a, 20: b}", r#"{"1": "a", "20": "b"}"#, BTreeMap::from([(1_u16, text("a")), (20, text("b"))]));
    check_only("{yes: 1, 'off': 2}", r#"{"yes": 1, "off": 2}"#, HashMap::from([(true, 1_u8), (false, 2)]));
    check_only("[[1], []]", "[[1], []]", vec![vec![1_u8], vec![]]);
    check_only(
        "{a: {b: yes}}",
        r#"{"a": {"b": "yes"}}"#,
        HashMap::from([(text("a"), HashMap::from([(text("b"), true)]))]),
    );
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Tuples {
    triple: (u8, String, bool),
    array: [u32; 3],
    pairs: Vec<(u8, u8)>,
}

#[test]
fn tuples_and_arrays_are_lists_of_their_length() {
    let expected = Tuples { triple: (1, text("a"), true), array: [1, 2, 3], pairs: vec![(1, 2), (3, 4)] };
    let variables = [("TRIPLE", r#"["1", "a", "on"]"#), ("ARRAY", "[1, 2, 3]"), ("PAIRS", "[[1, 2], [3, 4]]")];
    check("{triple: [1, a, true], array: [1, 2, 3], pairs: [[1, 2], [3, 4]]}", &variables, &expected);
}

#[test]
fn an_option_is_nothing_where_nothing_is_set() {
    check("{}", &[("OTHER", "x")], &Only::<Option<u8>> { it: None });
    check("it: ~", &[], &Only::<Option<u8>> { it: None });
    check("it: 5", &[("IT", "5")], &Only { it: Some(5_u8) });
    check("it: [~, 5]", &[], &Only { it: vec![None, Some(5_u8)] });
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Sections {
    #[config(nested)]
    tls: Option<Tls>,
    #[config(nested)]
    #[serde(default)]
    mirrors: Vec<Mirror>,
    #[config(nested)]
    #[serde(default)]
    tenants: HashMap<String, Mirror>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Tls {
    cert: PathBuf,
    #[config(default = 3)]
    version: u8,
    #[config(nested)]
    client: Option<Box<Mirror>>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Mirror {
    host: String,
    #[config(default = 80)]
    port: u16,
    #[config(default = "1s")]
    pause: Duration,
}

fn mirror(host: &str, port: u16) -> Mirror {
    Mirror { host: text(host), port, pause: Duration::from_secs(1) }
}

#[test]
fn an_optional_section_is_there_once_one_of_its_keys_is() {
    let sections = |tls| Sections { tls, mirrors: Vec::new(), tenants: HashMap::new() };
    let tls = |version, client| Some(Tls { cert: PathBuf::from("a.pem"), version, client });
    check("{}", &[("OTHER", "x")], &sections(None));
    check("tls: ~", &[], &sections(None));
    check("tls: {cert: a.pem}", &[("TLS_CERT", "a.pem")], &sections(tls(3, None)));
    let variables = [("TLS_CERT", "a.pem"), ("TLS_CLIENT_HOST", "b"), ("TLS_VERSION", "2")];
    check(
        "tls: {cert: a.pem, version: 2, client: {host: b}}",
        &variables,
        &sections(tls(2, Some(Box::new(mirror("b", 80))))),
    );
    let expected = "tls.cert: is required, and not set\n    at config.yaml:1:6\n    \
        set it in a file, with `TLS_CERT` or with `--tls-cert`";
    check_refused::<Sections>("tls: {}", expected);
}

#[test]
fn sections_in_lists_and_maps_have_their_defaults() {
    let expected = Sections {
        tls: None,
        mirrors: vec![mirror("a", 80), mirror("b", 1)],
        tenants: HashMap::from([(text("x"), mirror("c", 80)), (text("y"), mirror("d", 2))]),
    };
    let variables = [
        ("MIRRORS", r#"[{"host": "a"}, {"host": "b", "port": 1}]"#),
        ("TENANTS", r#"{"x": {"host": "c"}, "y": {"host": "d", "port": "2"}}"#),
    ];
    let yaml = "mirrors: [{host: a}, {host: b, port: 1}]\ntenants: {x: {host: c}, y: {host: d, port: 2}}";
    check(yaml, &variables, &expected);
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Items {
    #[serde(default)]
    #[config(nested)]
    list: Vec<Item>,
    #[serde(default)]
    #[config(nested)]
    map: BTreeMap<String, Item>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Item {
    #[config(default = 80)]
    port: u16,
}

#[test]
fn an_empty_section_in_a_list_or_a_map_has_its_defaults() {
    let item = |port| Item { port };
    let map = BTreeMap::from([(text("a"), item(80)), (text("b"), item(1))]);
    check("list:\n-\n- port: 1\nmap:\n  a:\n  b: {port: 1}", &[], &Items { list: vec![item(80), item(1)], map });
    let expected = "tenants.b.host: is required, and not set\n    at config.yaml:1:14";
    check_refused::<Sections>("tenants: {b: ~}", expected);
}

#[derive(Debug, Serialize, Deserialize, Config)]
struct Secrets {
    text: Secret<String>,
    number: Secret<u32>,
    bytes: Secret<Vec<u8>>,
    none: Option<Secret<String>>,
    some: Option<Secret<String>>,
    #[serde(default)]
    list: Vec<Secret<String>>,
    #[config(default = "default secret")]
    default: Secret<String>,
}

#[test]
fn secrets_are_read_and_never_shown() {
    let yaml = "{text: hunter2, number: 2718, bytes: [104, 117], some: hunter2, list: [hunter2, '2718']}";
    let secrets: Secrets = load(yaml);
    assert_eq!((secrets.text.expose().as_str(), *secrets.number.expose()), ("hunter2", 2_718));
    assert_eq!((secrets.bytes.expose().as_slice(), secrets.none.is_none()), (&b"hu"[..], true));
    assert_eq!(secrets.list.iter().map(|it| it.expose().as_str()).collect::<Vec<_>>(), ["hunter2", "2718"]);
    assert_eq!(secrets.default.expose(), "default secret");
    let masked = "******";
    assert_eq!(
        format!("{secrets:?}"),
        "Secrets { text: ******, number: ******, bytes: ******, none: None, some: Some(******), list: [******, ******], \
         default: ****** }"
    );
    let expected = json!({
        "text": masked, "number": masked, "bytes": masked, "none": null, "some": masked, "list": [masked, masked],
        "default": masked,
    });
    assert_eq!(json!(secrets), expected);
}

#[test]
fn a_clone_and_a_default_of_a_secret_are_secret() {
    let secret = Secret::from(text("hunter2")).clone();
    assert_eq!((format!("{secret:?}"), secret.expose().as_str()), (text("******"), "hunter2"));
    assert_eq!((format!("{:?}", Secret::<u32>::default()), *Secret::<u32>::default().expose()), (text("******"), 0));
}

#[test]
fn a_hundred_things_that_are_wrong_are_enough() {
    let hosts = |count: usize| {
        let yaml = format!("it: [{}]", "x,".repeat(count));
        let layer = Layer::parse("config.yaml", Format::Yaml, &yaml).unwrap();
        let error = Only::<Vec<IpAddr>>::loader().layer(layer).load().unwrap_err();
        let last = error.problems().last().unwrap();
        (error.problems().len(), text(last.path()), text(last.message()))
    };
    assert_eq!(hosts(99), (99, text("it.98"), text("invalid IP address syntax, found a text `x`")));
    assert_eq!(hosts(5_000), (101, text(""), text("there may be more, which is not looked for")));
}

/// A type of which nothing is known but how it is read.
#[derive(Debug, PartialEq, Deserialize, Config)]
struct Unknown {
    any: serde_json::Value,
    #[serde(default)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[test]
fn what_a_type_does_not_describe_is_as_it_is_written() {
    let expected =
        Unknown { any: json!({ "a": [1, 1.5, "x", null, true] }), rest: BTreeMap::from([(text("b"), json!(7))]) };
    let variables = [("ANY", r#"{"a": [1, 1.5, "x", null, true]}"#), ("REST", r#"{"b": 7}"#)];
    check("any: {a: [1, 1.5, x, ~, true]}\nrest: {b: 7}", &variables, &expected);
    check("any: 007", &[("ANY", "007")], &Unknown { any: json!("007"), rest: BTreeMap::new() });
}

#[test]
fn generic_settings_are_read_as_what_is_inside() {
    check("it: {host: a}", &[("IT_HOST", "a")], &Only { it: mirror("a", 80) });
}
