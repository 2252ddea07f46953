//! What loading settings costs: misc-config beside the bare `config` crate with clap.
//!
//! 50 keys in 3 levels: a YAML file sets 40 of them, 10 have defaults, variables set 3 more than the file does, the command line one. Both
//! offer each key as a flag and as a variable. `load` is the time of one load, from text to struct.

use std::hint::black_box;

use clap::{Arg, ArgMatches, Command, parser::ValueSource};
use config::{Environment, File, FileFormat};
use misc_config::{Config, Format, Layer, Place};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{Area, Contender, Error, Measure, Probe, Role, Work};

pub(super) const AREA: Area = Area {
    name: "config",
    contenders: &[Contender::new(OURS, Role::Ours), Contender::new("config+clap", Role::Peer)],
    cases: &["yaml+env+cli", "yaml"],
    speed: Probe { figures: &[Measure::lower("load", "us")], details: &[], take: time },
    weight: None,
    work: Some(Work { operations: 1_000, run: |contender, loads| run(contender, "yaml+env+cli", loads).map(drop) }),
    load: None,
};

const OURS: &str = "misc-config";
const LOADS: u32 = 2_000;

/// The settings at the top.
#[derive(Debug, PartialEq, Deserialize, Config)]
#[config(env_prefix = "APP")]
struct Settings {
    /// A name.
    name: String,
    /// An address.
    host: String,
    /// A port.
    port: u16,
    /// A switch.
    debug: bool,
    /// A directory.
    data_dir: String,
    /// A number of threads.
    workers: u32,
    /// A ratio.
    ratio: f64,
    /// A zone.
    #[config(default = "eu-1")]
    zone: String,
    /// A limit.
    #[config(default = 100)]
    limit: u32,
    /// Another switch.
    #[config(default = false)]
    trace: bool,
    /// The first section.
    #[config(nested)]
    database: Section,
    /// The second section.
    #[config(nested)]
    cache: Section,
    /// The third section.
    #[config(nested)]
    queue: Section,
    /// The fourth section.
    #[config(nested)]
    mail: Section,
}

/// A section.
#[derive(Debug, PartialEq, Deserialize, Config)]
struct Section {
    /// An address.
    url: String,
    /// A size.
    pool_size: u32,
    /// A number of attempts.
    attempts: u8,
    /// A switch.
    enabled: bool,
    /// A name.
    user_name: String,
    /// The section inside.
    #[config(nested)]
    tls: Inner,
}

/// A section of a section.
#[derive(Debug, PartialEq, Deserialize, Config)]
struct Inner {
    /// A file.
    cert_file: String,
    /// Another file.
    key_file: String,
    /// A switch.
    verify: bool,
    /// A version.
    min_version: u32,
    /// A number.
    #[config(default = 3)]
    depth: u32,
}

const SECTIONS: [&str; 4] = ["database", "cache", "queue", "mail"];

fn yaml() -> String {
    let mut yaml =
        "name: shop\nhost: 127.0.0.1\nport: 8080\ndebug: false\ndata_dir: /var/lib/shop\nworkers: 8\nratio: 0.5\n"
            .to_owned();
    for section in SECTIONS {
        yaml.push_str(section);
        yaml.push_str(
            ":\n  url: tcp://10.0.0.1:5432/shop\n  pool_size: 20\n  attempts: 3\n  enabled: true\n  user_name: shop\n",
        );
        yaml.push_str("  tls:\n    cert_file: /etc/shop/cert.pem\n    key_file: /etc/shop/key.pem\n    verify: true\n    min_version: 12\n");
    }
    yaml
}

/// What a sample is loaded from.
struct Given {
    yaml: String,
    variables: Vec<(String, String)>,
    args: Vec<String>,
}

impl Given {
    fn of(case: &str, separator: &str) -> Self {
        let overridden = case == "yaml+env+cli";
        let variables =
            ["ZONE=us-1".to_owned(), "LIMIT=7".to_owned(), format!("DATABASE{separator}TLS{separator}DEPTH=5")];
        let variables = variables.iter().filter(|_| overridden).filter_map(|variable| variable.split_once('='));
        let args = ["shop", "--database-pool-size", "30"].into_iter().take(if overridden { 3 } else { 1 });
        Self {
            yaml: yaml(),
            variables: variables.map(|(name, value)| (format!("APP_{name}"), value.to_owned())).collect(),
            args: args.map(str::to_owned).collect(),
        }
    }
}

fn time(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    run(contender, case, 100)?;
    Ok(vec![run(contender, case, LOADS)? * 1e6 / f64::from(LOADS)])
}

/// Loads so many times; returns the seconds it took.
fn run(contender: &str, case: &str, loads: u32) -> Result<f64, Error> {
    let (for_ours, for_peer) = (Given::of(case, "_"), Given::of(case, "__"));
    check(&ours(&for_ours)?, &peer(&for_peer)?, case)?;
    let (load, given): (fn(&Given) -> _, _) = if contender == OURS { (ours, for_ours) } else { (peer, for_peer) };
    let start = Instant::now();
    for _ in 0..loads {
        black_box(load(black_box(&given))?);
    }
    Ok(start.elapsed().as_secs_f64())
}

fn ours(given: &Given) -> Result<Settings, Error> {
    let loader = Settings::loader()
        .env_from(given.variables.iter().cloned())
        .layer(Layer::parse("config.yaml", Format::Yaml, &given.yaml)?)
        .cli_from(given.args.iter())
        .precedence([Place::Cli, Place::Env, Place::Source]);
    Ok(loader.load()?)
}

fn peer(given: &Given) -> Result<Settings, Error> {
    let matches = command().try_get_matches_from(&given.args)?;
    let mut builder = config::Config::builder()
        .set_default("zone", "eu-1")?
        .set_default("limit", 100)?
        .set_default("trace", false)?;
    for section in SECTIONS {
        builder = builder.set_default(format!("{section}.tls.depth"), 3)?;
    }
    builder = builder.add_source(File::from_str(&given.yaml, FileFormat::Yaml)).add_source(
        Environment::with_prefix("APP")
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true)
            .source(Some(given.variables.iter().cloned().collect())),
    );
    for (path, flag) in keys() {
        builder = builder.set_override_option(path, typed(&matches, &flag))?;
    }
    Ok(builder.build()?.try_deserialize()?)
}

fn command() -> Command {
    Command::new("shop").args(keys().map(|(_, flag)| Arg::new(flag.clone()).long(flag)))
}

fn typed(matches: &ArgMatches, flag: &str) -> Option<String> {
    let typed = matches.value_source(flag) == Some(ValueSource::CommandLine);
    matches.get_one::<String>(flag).filter(|_| typed).cloned()
}

/// All keys, and their flags.
fn keys() -> impl Iterator<Item = (String, String)> {
    const TOP: [&str; 10] = ["name", "host", "port", "debug", "data_dir", "workers", "ratio", "zone", "limit", "trace"];
    const SECTION: [&str; 10] = [
        "url",
        "pool_size",
        "attempts",
        "enabled",
        "user_name",
        "tls.cert_file",
        "tls.key_file",
        "tls.verify",
        "tls.min_version",
        "tls.depth",
    ];
    let inside =
        SECTIONS.into_iter().flat_map(|section| SECTION.into_iter().map(move |key| format!("{section}.{key}")));
    TOP.into_iter().map(str::to_owned).chain(inside).map(|path| (path.clone(), path.replace(['.', '_'], "-")))
}

/// Both load the same, and what they should.
fn check(ours: &Settings, peer: &Settings, case: &str) -> Result<(), Error> {
    let expected = if case == "yaml" { ("eu-1", 100, 3, 20) } else { ("us-1", 7, 5, 30) };
    let Settings { zone, limit, database, .. } = ours;
    let loaded = (&**zone, *limit, database.tls.depth, database.pool_size);
    if loaded == expected && ours == peer { Ok(()) } else { Err(format!("{case}: {ours:?}, {peer:?}").into()) }
}
