//! Which place counts, for each pair of places, in any order of calls, and in any precedence.

use std::collections::BTreeMap;

use misc_config::{Config, Format, Layer, Loader, Place, Source};
use misc_core::BoxError;
use misc_test::Logs;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_assert_eq, proptest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dir::Dir;

const PLACES: [Place; 4] = [Place::Cli, Place::Source, Place::File, Place::Env];

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
#[config(env_prefix = "APP")]
struct Settings {
    #[config(default = "default")]
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    weights: BTreeMap<String, u8>,
    #[config(nested)]
    outer: Outer,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
struct Outer {
    #[config(default = 1)]
    size: i64,
    #[config(nested)]
    inner: Inner,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
struct Inner {
    #[config(default = false)]
    deep: bool,
    label: Option<String>,
}

type Step = Box<dyn Fn(Loader<Settings>, &Dir) -> Loader<Settings>>;

fn step(add: impl Fn(Loader<Settings>, &Dir) -> Loader<Settings> + 'static) -> Step {
    Box::new(add)
}

/// Every place, the lowest first; each sets the name to its own.
fn places() -> Vec<(&'static str, Step)> {
    let yaml = |name: &'static str| format!("name: {name}");
    vec![
        ("default", step(|loader, _| loader)),
        (".env", step(|loader, dir| loader.dotenv(dir.write(".env", "APP_NAME=.env")))),
        (
            "secrets",
            step(|loader, dir| {
                dir.write("secrets/name", "secrets");
                loader.secrets_dir(dir.path().join("secrets"))
            }),
        ),
        ("variable", step(|loader, _| loader.env_from([("APP_NAME", "variable")]))),
        ("file", step(move |loader, dir| loader.file(dir.write("config.yaml", yaml("file"))))),
        (
            "profile",
            step(move |loader, dir| {
                dir.write("config.prod.yaml", yaml("profile"));
                loader.optional_file(dir.path().join("config.yaml")).profile("prod")
            }),
        ),
        ("layer", step(|loader, _| loader.layer(Layer::new().set("name", "layer", "a test")))),
        ("cli", step(|loader, _| loader.cli_from(["shop", "--name=cli"]))),
    ]
}

/// Checks what name is loaded.
#[track_caller]
fn check(loader: Loader<Settings>, expected: &str, why: &str) {
    let _logs = Logs::capture();
    assert_eq!(loader.load().unwrap().name, expected, "{why}");
}

#[test]
fn the_higher_of_two_places_counts_in_any_order_of_calls() {
    let places = places();
    for (high, (winner, upper)) in places.iter().enumerate() {
        for (loser, lower) in &places[..high] {
            for swapped in [false, true] {
                let dir = Dir::new();
                let (first, second) = if swapped { (upper, lower) } else { (lower, upper) };
                let loader = second(first(Settings::loader(), &dir), &dir);
                check(loader, winner, &format!("{winner} over {loser}, swapped: {swapped}"));
            }
        }
    }
}

#[test]
fn a_file_that_a_variable_names_counts_as_the_variable_does() {
    let places = places();
    let rank = places.iter().position(|(name, _)| *name == "variable").unwrap();
    for (place, (name, add)) in places.iter().enumerate().filter(|(place, _)| *place != rank) {
        let dir = Dir::new();
        let named = dir.write("name", "named");
        let loader = add(Settings::loader(), &dir).env_from([("APP_NAME_FILE", named)]);
        check(loader, if place > rank { name } else { "named" }, name);
    }
}

#[test]
fn a_later_call_counts_for_more_than_the_same_one_before() {
    let dir = Dir::new();
    let file = |name: &str| dir.write(&format!("{name}.yaml"), format!("name: {name}"));
    let variables = |name: &str| dir.write(&format!("{name}.env"), format!("APP_NAME={name}"));
    let secrets = |name: &str| dir.write(&format!("{name}/name"), name).parent().unwrap().to_owned();
    let layer = |name: &str| Layer::new().set("name", name, "a test");
    let loader = Settings::loader;
    check(loader().file(file("a")).file(file("b")), "b", "file");
    check(loader().file(file("a")).optional_file(file("b")), "b", "optional file");
    check(loader().dotenv(variables("a")).dotenv(variables("b")), "b", ".env");
    check(loader().secrets_dir(secrets("a")).secrets_dir(secrets("b")), "b", "secrets");
    check(loader().layer(layer("a")).layer(layer("b")), "b", "layer");
    check(loader().env_from([("APP_NAME", "a")]).env_from([("APP_NAME", "b")]), "b", "variables");
    check(loader().cli_from(["shop", "--name=a"]).cli_from(["shop", "--name=b"]), "b", "command line");
}

#[test]
fn a_profile_goes_over_its_own_file_and_below_the_next() {
    let dir = Dir::new();
    let file = |name: &str| dir.write(&format!("{name}.yaml"), format!("name: {name}"));
    let (a, b) = (file("a"), file("b"));
    file("a.prod");
    check(Settings::loader().profile("prod").file(a.clone()).file(b.clone()), "b", "the next file");
    check(Settings::loader().file(b).file(a).profile("prod"), "a.prod", "its own file");
}

struct Centre(&'static str);

impl Source for Centre {
    async fn load(&self) -> Result<Layer, BoxError> {
        Ok(Layer::new().set("name", self.0, "centre"))
    }
}

#[tokio::test]
async fn a_source_counts_as_layers_do_and_for_more_than_they() {
    let _logs = Logs::capture();
    for (place, (name, add)) in places().iter().enumerate() {
        let dir = Dir::new();
        let loader = add(Settings::loader(), &dir).source(Centre("first")).source(Centre("centre"));
        let expected = if place == places().len() - 1 { name } else { "centre" };
        assert_eq!(loader.load().await.unwrap().name, expected, "{name}");
    }
}

/// Sets the name to that of a place.
fn with(loader: Loader<Settings>, place: Place, dir: &Dir) -> Loader<Settings> {
    let name = place.to_string();
    match place {
        Place::Cli => loader.cli_from(["shop".to_owned(), format!("--name={name}")]),
        Place::Source => loader.layer(Layer::new().set("name", name, "a test")),
        Place::File => loader.file(dir.write("config.yaml", format!("name: {name}"))),
        Place::Env => loader.env_from([("APP_NAME", name)]),
        _ => unreachable!("there are four places"),
    }
}

/// Lists all orders of some places.
fn orders(places: &[Place]) -> Vec<Vec<Place>> {
    let with_first = |(index, first): (usize, &Place)| {
        let mut rest = places.to_vec();
        rest.remove(index);
        orders(&rest).into_iter().map(move |rest| [&[*first], &*rest].concat()).collect::<Vec<_>>()
    };
    match places {
        [] => vec![Vec::new()],
        _ => places.iter().enumerate().flat_map(with_first).collect(),
    }
}

#[test]
fn each_pair_of_places_follows_each_precedence() {
    assert_eq!(orders(&PLACES).len(), 24);
    for precedence in orders(&PLACES) {
        for pair in orders(&PLACES).iter().map(|order| &order[..2]) {
            let dir = Dir::new();
            let loader = pair.iter().fold(Settings::loader(), |loader, place| with(loader, *place, &dir));
            let winner = precedence.iter().find(|place| pair.contains(place)).unwrap();
            check(loader.precedence(precedence.clone()), &winner.to_string(), &format!("{precedence:?} of {pair:?}"));
        }
    }
}

#[test]
fn twelve_factor_puts_variables_over_files() {
    let dir = Dir::new();
    let loader = with(with(Settings::loader(), Place::File, &dir), Place::Env, &dir);
    check(loader.precedence([Place::Cli, Place::Env, Place::Source, Place::File]), "environment", "twelve factors");
}

#[test]
fn a_place_that_is_not_listed_is_lowest_and_above_defaults() {
    for (listed, other) in [(Place::Env, Place::Cli), (Place::Cli, Place::Env), (Place::Source, Place::File)] {
        let dir = Dir::new();
        let both = with(with(Settings::loader(), listed, &dir), other, &dir);
        check(both.precedence([listed]), &listed.to_string(), "both");
        check(with(Settings::loader(), other, &dir).precedence([listed]), &other.to_string(), "only the other");
    }
}

/// What a place may say: any of the keys.
fn said() -> impl Strategy<Value = Value> {
    let text = || prop::option::of("[a-z]{1,3}").prop_map(|text| text.map(Value::from));
    let tags = prop::option::of(prop::collection::vec("[a-z]{1,3}", 0..3)).prop_map(|tags| tags.map(Value::from));
    let weights = prop::option::of(prop::collection::btree_map("[a-d]", any::<u8>(), 0..3));
    let weights = weights.prop_map(|weights| weights.map(|weights| json!(weights)));
    let size = prop::option::of(any::<i64>()).prop_map(|size| size.map(Value::from));
    let deep = prop::option::of(any::<bool>()).prop_map(|deep| deep.map(Value::from));
    (text(), tags, weights, size, deep, text()).prop_map(|(name, tags, weights, size, deep, label)| {
        let inner = section([("deep", deep), ("label", label)]);
        let outer = section([("size", size), ("inner", Some(inner))]);
        section([("name", name), ("tags", tags), ("weights", weights), ("outer", Some(outer))])
    })
}

fn section(keys: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<serde_json::Map<_, _>>().into()
}

/// What should be loaded: maps key by key, all else as a whole, the lowest place first.
fn model(said: &[(Place, Value)], precedence: &[Place]) -> Value {
    let mut settings = json!({
        "name": "default", "tags": [], "weights": {},
        "outer": { "size": 1, "inner": { "deep": false, "label": null } },
    });
    for place in precedence.iter().rev() {
        said.iter().filter(|(said, _)| said == place).for_each(|(_, above)| go_over(&mut settings, above));
    }
    settings
}

fn go_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            above.iter().for_each(|(key, above)| go_over(below.entry(key).or_insert(Value::Null), above));
        }
        (below, above) => *below = above.clone(),
    }
}

/// Lists the names of variables, or flags, and what they are set to.
fn texts(section: &Value, above: &[&str], name: &dyn Fn(&[&str]) -> String) -> Vec<(String, String)> {
    let text = |(key, value): (&String, &Value)| {
        let path: Vec<&str> = above.iter().copied().chain([&**key]).collect();
        match value {
            Value::Object(_) if key != "weights" => texts(value, &path, name),
            Value::String(text) => vec![(name(&path), text.clone())],
            _ => vec![(name(&path), value.to_string())],
        }
    };
    section.as_object().unwrap().iter().flat_map(text).collect()
}

/// Tells a loader what a place says.
fn tell(loader: Loader<Settings>, place: Place, said: &Value, dir: &Dir) -> Loader<Settings> {
    match place {
        Place::Env => {
            loader.env_from(texts(said, &[], &|path: &[&str]| format!("APP_{}", path.join("_").to_uppercase())))
        }
        Place::Cli => {
            let flags = texts(said, &[], &|path: &[&str]| format!("--{}", path.join("-")));
            let flags = flags.into_iter().map(|(flag, text)| format!("{flag}={text}"));
            loader.cli_from(std::iter::once("shop".to_owned()).chain(flags))
        }
        Place::File => loader.file(dir.write("config.json", said.to_string())),
        _ => loader.layer(Layer::parse("layer", Format::Json, &said.to_string()).unwrap()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_all_places_say_is_merged_as_the_model_merges_it(
        said in prop::collection::vec(said(), PLACES.len()),
        calls in prop::sample::subsequence(PLACES.to_vec(), 0..=PLACES.len()).prop_shuffle(),
        precedence in Just(PLACES.to_vec()).prop_shuffle(),
    ) {
        let _logs = Logs::capture();
        let dir = Dir::new();
        let said: Vec<(Place, Value)> = calls.into_iter().zip(said).collect();
        let tell = |loader, (place, said): &(Place, Value)| tell(loader, *place, said, &dir);
        let loader = said.iter().fold(Settings::loader().precedence(precedence.clone()), tell);
        let loaded = loader.load().map_err(|error| error.to_string());
        prop_assert_eq!(loaded.map(|settings| json!(settings)), Ok(model(&said, &precedence)), "{:?}", said);
    }
}
