//! What the bad configurations are of.
#![expect(dead_code, reason = "what is loaded is refused")]

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    path::PathBuf,
    time::Duration,
};

use misc_config::{Config, Invalid, Secret, Validate};
use misc_macros::Describe;
use serde::{Deserialize, Deserializer, de};

/// Everything has a default: whatever is wrong, is wrong by itself.
#[derive(Debug, Default, Deserialize, Config)]
#[config(env_prefix = "SHOP")]
#[serde(default)]
pub(super) struct Shop {
    #[config(short = 'p')]
    port: u16,
    offset: i64,
    serial: u64,
    large: i128,
    ratio: f64,
    debug: bool,
    name: String,
    root: PathBuf,
    timeout: Duration,
    #[config(bytes)]
    buffer: usize,
    #[config(bytes)]
    packet: u16,
    mode: Mode,
    tags: Vec<String>,
    ports: Vec<u16>,
    weights: BTreeMap<String, u8>,
    #[serde(alias = "db")]
    #[config(nested)]
    database: Database,
    #[config(nested)]
    mirrors: Vec<Mirror>,
    #[config(nested)]
    tenants: BTreeMap<String, Mirror>,
    #[config(nested)]
    store: Option<Store>,
}

#[derive(Debug, Default, Deserialize, Config)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Fast,
    Careful,
    #[serde(alias = "off")]
    Disabled,
}

#[derive(Debug, Default, Deserialize, Config)]
#[serde(default)]
struct Database {
    #[serde(alias = "dsn")]
    url: String,
    password: Secret<String>,
    pin: Secret<u32>,
    pool_size: u32,
}

#[derive(Debug, Deserialize, Config)]
struct Mirror {
    host: String,
    #[config(default = 80)]
    port: u16,
}

#[derive(Debug, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Store {
    Memory { entries: u32 },
    Disk { path: PathBuf, keep: Option<Duration> },
}

/// Nothing has a default.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "SHOP")]
pub(super) struct Required {
    port: u16,
    #[config(env = "DATABASE_URL")]
    url: Secret<String>,
    #[config(nested)]
    listen: Listen,
    #[config(nested)]
    tls: Option<Tls>,
    #[config(nested)]
    #[serde(default)]
    mirrors: Vec<Mirror>,
    #[config(nested)]
    #[serde(default)]
    tenants: BTreeMap<String, Mirror>,
    #[config(nested)]
    store: Store,
}

#[derive(Debug, Deserialize, Config)]
struct Listen {
    host: IpAddr,
    #[config(nested)]
    limits: Limits,
}

#[derive(Debug, Deserialize, Config)]
struct Limits {
    body_size: u32,
}

#[derive(Debug, Deserialize, Config)]
struct Tls {
    cert: PathBuf,
    key: PathBuf,
}

/// Types that have rules of their own for what they read.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "SHOP")]
pub(super) struct Refused {
    address: Option<IpAddr>,
    listen: Option<SocketAddr>,
    level: Option<Percent>,
    #[serde(default, deserialize_with = "even")]
    even: Option<u32>,
    separator: Option<char>,
    workers: Option<NonZeroU16>,
    corner: Option<(i32, i32)>,
    source: Option<Source>,
    limit: Option<Limit>,
    #[config(nested)]
    inner: Option<Inner>,
    #[serde(default)]
    hosts: Vec<IpAddr>,
    #[serde(default)]
    routes: BTreeMap<String, IpAddr>,
    #[serde(flatten)]
    #[config(nested)]
    flat: Flat,
    #[config(nested)]
    store: Option<Backend>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u8")]
struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        if value > 100 { Err(format!("{value} is more than 100 percent")) } else { Ok(Self(value)) }
    }
}

fn even<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        number if number % 2 == 0 => Ok(Some(number)),
        number => Err(de::Error::custom(format_args!("{number} is odd"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Source {
    Url(String),
    Parts { host: String, port: u16 },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Limit {
    Unlimited,
    Rate(u32),
    Window { count: u32 },
}

#[derive(Debug, Deserialize, Config)]
struct Inner {
    address: IpAddr,
    other: IpAddr,
}

#[derive(Debug, Deserialize, Config)]
struct Flat {
    gateway: Option<IpAddr>,
    resolver: Option<IpAddr>,
}

#[derive(Debug, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Backend {
    Remote { address: IpAddr, fallback: IpAddr },
    Local,
}

/// All that is never to be shown.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "SHOP")]
pub(super) struct Secrets {
    #[serde(default)]
    password: Secret<String>,
    #[serde(default)]
    pin: Secret<u32>,
    #[serde(default)]
    key: Secret<Vec<u8>>,
    #[config(secret)]
    address: Option<IpAddr>,
    #[config(secret)]
    token: Option<Token>,
    #[config(secret, nested)]
    vault: Option<Vault>,
    #[config(secret)]
    chest: Option<Chest>,
    #[config(nested)]
    #[serde(default)]
    accounts: Vec<Account>,
    #[serde(default)]
    keys: BTreeMap<String, Secret<u32>>,
    #[serde(default)]
    codes: Vec<Secret<String>>,
    #[config(nested)]
    login: Option<Account>,
    #[config(nested)]
    door: Option<Door>,
    port: Option<u16>,
    gateway: Option<IpAddr>,
}

/// Tells what it does not like, all of it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Token(String);

impl TryFrom<String> for Token {
    type Error = String;

    fn try_from(token: String) -> Result<Self, String> {
        match token.split_once(':') {
            None => Ok(Self(token)),
            Some((_, "part")) => Err(format!("{:?} has a colon", &token[..4])),
            Some(_) => Err(format!("{token:?} has a colon")),
        }
    }
}

#[derive(Debug, Deserialize, Config)]
struct Vault {
    role: IpAddr,
}

/// Of which nothing is known.
#[derive(Debug, Deserialize)]
struct Chest {
    address: IpAddr,
    number: u8,
}

#[derive(Debug, Deserialize, Config)]
struct Account {
    password: Secret<String>,
}

#[derive(Debug, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Door {
    Open,
    Locked { code: Secret<String> },
}

/// What has rules, of each kind of field.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "SHOP")]
pub(super) struct Ruled {
    #[config(default = 2)]
    pub(super) workers: u32,
    #[serde(flatten)]
    #[config(nested)]
    bounds: Bounds,
    #[config(nested)]
    pool: Pool,
    #[config(nested)]
    #[serde(default)]
    pools: Vec<Pool>,
    #[config(nested)]
    #[serde(default)]
    named: BTreeMap<String, Pool>,
}

#[derive(Debug, Deserialize, Describe)]
struct Bounds {
    #[describe(default = 1)]
    min: u32,
    #[describe(default = 9)]
    max: u32,
}

impl Validate for Bounds {
    fn validate(&self, invalid: &mut Invalid) {
        if self.min > self.max {
            invalid.merge(Invalid::new("min", "must not be above `max`").and("max", "must not be below `min`"));
        }
    }
}

#[derive(Debug, Deserialize, Describe)]
struct Pool {
    #[describe(default = 1)]
    size: u32,
    #[serde(default)]
    password: Secret<String>,
}

impl Validate for Pool {
    fn validate(&self, invalid: &mut Invalid) {
        let password = self.password.expose();
        invalid.merge(match self.size {
            0 => Invalid::new("size", "must not be zero"),
            1000.. => Invalid::new("", "is too large"),
            _ if password.contains(' ') => Invalid::new("password", format!("`{password}` has a space")),
            _ => Invalid::default(),
        });
    }
}

/// Fields that share names.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "SHOP")]
pub(super) struct Twins {
    #[config(short = 'p')]
    port: Option<u16>,
    #[config(short = 'p')]
    path: Option<String>,
    #[config(env = "SHOP_PORT")]
    other: Option<u16>,
    #[config(env = "TWICE")]
    first: Option<u16>,
    #[config(env = "TWICE")]
    second: Option<u16>,
    pool_size: Option<u16>,
    #[config(nested)]
    pool: Size,
}

#[derive(Debug, Deserialize, Config)]
struct Size {
    size: Option<u16>,
}
