//! The attributes of serde on structs and their fields.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use misc_config::Config;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{check, check_refused, text};

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    pool_size: u8,
    #[serde(rename = "type")]
    kind: String,
    #[serde(alias = "user", alias = "login")]
    user_name: String,
    #[serde(rename = "max-idle")]
    idle: u8,
}

#[test]
fn names_are_those_of_serde() {
    let expected = Renamed { pool_size: 5, kind: text("a"), user_name: text("me"), idle: 1 };
    let variables = [("POOL_SIZE", "5"), ("TYPE", "a"), ("USER_NAME", "me"), ("MAX_IDLE", "1")];
    check("{poolSize: 5, type: a, userName: me, max-idle: 1}", &variables, &expected);
    check("{poolSize: 5, type: a, login: me, max-idle: 1}", &[], &expected);
    let aliased = [("POOL_SIZE", "5"), ("TYPE", "a"), ("LOGIN", "me"), ("MAX_IDLE", "1")];
    assert_eq!(Renamed::loader().env_from(aliased).load().unwrap(), expected);
    let typed = ["shop", "--pool-size=5", "--type=a", "--login=me", "--max-idle=1"];
    assert_eq!(Renamed::loader().cli_from(typed).load().unwrap(), expected);
    let expected = "pool_size: is not a key\n    at config.yaml:1:13\n    did you mean `poolSize`?";
    let rest = "type: a, user: me, max-idle: 1, poolSize: 5";
    check_refused::<Renamed>(&format!("{{pool_size: 5, {rest}}}"), expected);
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Defaults {
    #[config(default = "[1, 2]")]
    list: Vec<u8>,
    #[config(default = "a,b")]
    tags: Vec<String>,
    #[serde(default)]
    none: u8,
    #[serde(default = "seven")]
    seven: u8,
    #[config(default = "1m")]
    span: Duration,
    #[config(default = "2KiB", bytes)]
    size: u32,
    #[config(default = 'x')]
    letter: char,
    #[config(default = -5)]
    negative: i8,
    #[config(default = "::1")]
    address: IpAddr,
    #[config(default = "slow")]
    speed: Speed,
    #[config(nested)]
    own: Own,
    #[serde(skip)]
    internal: Option<Duration>,
}

fn seven() -> u8 {
    7
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(rename_all = "snake_case")]
enum Speed {
    Slow,
    VeryFast,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
#[serde(default)]
#[config(defaults)]
struct Own {
    first: u8,
    second: String,
}

impl Default for Own {
    fn default() -> Self {
        Self { first: 1, second: text("own") }
    }
}

#[test]
fn defaults_are_those_of_the_field_and_of_the_struct() {
    let expected = || Defaults {
        list: vec![1, 2],
        tags: vec![text("a"), text("b")],
        none: 0,
        seven: 7,
        span: Duration::from_secs(60),
        size: 2_048,
        letter: 'x',
        negative: -5,
        address: "::1".parse().unwrap(),
        speed: Speed::Slow,
        own: Own::default(),
        internal: None,
    };
    check("{}", &[("OTHER", "x")], &expected());
    let own = Own { first: 2, second: text("own") };
    check("own: {first: 2}", &[("OWN_FIRST", "2")], &Defaults { own, ..expected() });
    check("speed: very_fast", &[("SPEED", "very_fast")], &Defaults { speed: Speed::VeryFast, ..expected() });
    check("list: []", &[("LIST", "[]")], &Defaults { list: vec![], ..expected() });
    let unknown = "internal: is not a key\n    at config.yaml:1:11\n    the keys here are `list`, `tags`, `none`, `seven`, \
        `span`, `size`, `letter`, `negative`, `address`, `speed`, `own`";
    check_refused::<Defaults>("internal: 5s", unknown);
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Flattened {
    name: String,
    #[serde(flatten)]
    #[config(nested)]
    common: Common,
    #[serde(flatten)]
    #[config(nested)]
    timing: Option<Timing>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Common {
    #[config(default = 1)]
    level: u8,
    #[config(default = "5s")]
    timeout: Duration,
    #[config(nested)]
    inner: Inner,
    #[config(bytes, default = "1KiB")]
    buffer: u64,
    debug: Option<bool>,
    ratio: Option<f32>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Inner {
    #[config(default = "1s")]
    pause: Duration,
    #[serde(default)]
    pauses: Vec<Duration>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Timing {
    every: Duration,
}

#[test]
fn flattened_keys_stand_beside_their_neighbours() {
    let second = Duration::from_secs(1);
    let expected = |timing: Option<Timing>| Flattened {
        name: text("a"),
        common: Common {
            level: 2,
            timeout: 9 * second,
            inner: Inner { pause: 3 * second, pauses: vec![second, 2 * second] },
            buffer: 2_048,
            debug: Some(true),
            ratio: Some(0.5),
        },
        timing,
    };
    let yaml =
        "{name: a, level: 2, timeout: 9s, inner: {pause: 3s, pauses: [1s, 2s]}, buffer: 2KiB, debug: true, ratio: 0.5";
    let variables = [
        ("NAME", "a"),
        ("LEVEL", "2"),
        ("TIMEOUT", "9s"),
        ("INNER_PAUSE", "3s"),
        ("INNER_PAUSES", "1s,2s"),
        ("BUFFER", "2KiB"),
        ("DEBUG", "on"),
        ("RATIO", "0.5"),
        ("EVERY", "4s"),
    ];
    check(&format!("{yaml}}}"), &variables[..8], &expected(None));
    check(&format!("{yaml}, every: 4s}}"), &variables, &expected(Some(Timing { every: 4 * second })));
    check_refused::<Flattened>(
        "{name: a, levle: 2}",
        "levle: is not a key\n    at config.yaml:1:18\n    did you mean `level`?",
    );
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Open {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[test]
fn a_flattened_map_takes_all_other_keys() {
    let expected = Open { name: text("a"), rest: BTreeMap::from([(text("b"), 1), (text("c"), 2)]) };
    check("{name: a, b: 1, c: 2}", &[], &expected);
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Newtypes {
    port: Port,
    name: Option<Name>,
    seen: Option<Through>,
    #[serde(default, deserialize_with = "doubled")]
    doubled: u32,
    #[serde(default, with = "seconds")]
    seconds: Duration,
    even: Option<Even>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Port(u16);

#[derive(Debug, PartialEq, Deserialize)]
struct Name(String);

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(transparent)]
struct Through {
    inside: Duration,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(try_from = "u32")]
struct Even(u32);

impl TryFrom<u32> for Even {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

fn doubled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    u32::deserialize(deserializer).map(|number| 2 * number)
}

mod seconds {
    use super::{Deserialize, Deserializer, Duration};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

#[test]
fn newtypes_look_like_what_is_inside() {
    let expected = Newtypes {
        port: Port(80),
        name: Some(Name(text("a"))),
        seen: Some(Through { inside: Duration::from_secs(5) }),
        doubled: 6,
        seconds: Duration::from_secs(7),
        even: Some(Even(8)),
    };
    let variables = [("PORT", "80"), ("NAME", "a"), ("SEEN", "5s"), ("DOUBLED", "3"), ("SECONDS", "7"), ("EVEN", "8")];
    check("{port: 80, name: a, seen: 5s, doubled: 3, seconds: 7, even: 8}", &variables, &expected);
    let expected = "port: expected an integer from 0 to 65535, found an integer `65536`\n    at config.yaml:1:7";
    check_refused::<Newtypes>("port: 65536", expected);
    check_refused::<Newtypes>("{port: 1, even: 3}", "even: 3 is odd\n    at config.yaml:1:17");
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Around {
    #[serde(flatten)]
    #[config(nested)]
    inside: Written,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Written {
    #[serde(deserialize_with = "written")]
    #[config(duration)]
    pause: Duration,
}

fn written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.trim_end_matches('s').parse().map(Duration::from_secs).map_err(de::Error::custom)
}

#[test]
fn a_function_that_reads_a_flattened_span_of_time_gets_its_text() {
    let expected = Around { inside: Written { pause: Duration::from_secs(7) } };
    check("pause: 7s", &[("PAUSE", "7s")], &expected);
}
