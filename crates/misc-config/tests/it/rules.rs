//! Rules between keys: of the derive, of garde, of the loader.

use std::collections::{BTreeSet, HashSet, VecDeque};

use misc_config::{Config, Invalid, Secret, Zeroize};
use serde::Deserialize;

/// The settings of a shop.
#[derive(Debug, Deserialize, Config)]
#[config(validate)]
struct Shop {
    #[config(default = "shop")]
    name: String,
    #[config(nested)]
    pool: Pool,
    /// Its rules hold without `nested`, too.
    #[serde(default)]
    pools: Vec<Pool>,
}

impl Shop {
    fn validate(&self) -> Result<(), Invalid> {
        match &*self.name {
            "" => Err(Invalid::new("name", "must not be empty").and("", "has no name")),
            _ => Ok(()),
        }
    }
}

/// Connections to keep.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Config)]
#[config(validate)]
struct Pool {
    #[config(default = 1)]
    min: u32,
    #[config(default = 10)]
    max: u32,
}

impl Pool {
    fn validate(&self) -> Result<(), Invalid> {
        if self.min > self.max {
            return Err(Invalid::new("min", format!("{} is above `max`, {}", self.min, self.max)));
        }
        Ok(())
    }
}

/// Checks what the rules say of a shop, given as variables.
fn check(variables: &[(&str, &str)], expected: &[&str]) {
    let loader = Shop::loader().env_from(variables.iter().copied()).validate(|shop| match shop.pool.max {
        13 => Err(Invalid::new("pool.max", "brings bad luck")),
        _ => Ok(()),
    });
    let problems = loader.load().err().map(|error| error.problems().to_vec()).unwrap_or_default();
    let told = problems.iter().map(|problem| {
        let origin = problem.origin().unwrap_or("nowhere");
        format!("{}: {} ({origin})", problem.path(), problem.message())
    });
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn rules_that_hold_say_nothing() {
    check(&[("POOL_MIN", "10")], &[]);
}

#[test]
fn all_rules_that_are_broken_are_told_with_the_origin_of_the_value() {
    check(
        &[("POOL_MIN", "20"), ("POOL_MAX", "13"), ("POOLS", r#"[{"min": 1}, {"min": 11}]"#)],
        &[
            "pool.min: 20 is above `max`, 13 (POOL_MIN)",
            "pool.max: brings bad luck (POOL_MAX)",
            "pools.1.min: 11 is above `max`, 10 (POOLS)",
        ],
    );
}

#[derive(Debug, Deserialize, Config)]
struct Containers {
    #[config(nested)]
    #[serde(default)]
    queue: VecDeque<Pool>,
    #[config(nested)]
    #[serde(default)]
    sorted: BTreeSet<Pool>,
    #[config(nested)]
    #[serde(default)]
    hashed: HashSet<Pool>,
    #[config(nested)]
    hidden: Option<Secret<Pool>>,
}

impl Zeroize for Pool {
    fn zeroize(&mut self) {
        (self.min, self.max) = (0, 0);
    }
}

#[test]
fn rules_hold_in_all_containers() {
    let pools = r#"[{"min": 1}, {"min": 13}, {"min": 11}]"#;
    let variables = [("QUEUE", pools), ("SORTED", pools), ("HASHED", pools), ("HIDDEN_MIN", "12")];
    let error = Containers::loader().env_from(variables).load().unwrap_err();
    let told = error.problems().iter().map(|problem| format!("{}: {}", problem.path(), problem.message()));
    let expected = [
        "queue.1.min: 13 is above `max`, 10",
        "queue.2.min: 11 is above `max`, 10",
        "sorted.min: 11 is above `max`, 10",
        "sorted.min: 13 is above `max`, 10",
        "hashed.min: 11 is above `max`, 10",
        "hashed.min: 13 is above `max`, 10",
        "hidden.min: is not valid (the reason is not shown: it has a secret in it)",
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(error.problems()[2].origin(), Some("SORTED"));
}

#[cfg(feature = "garde")]
#[test]
fn garde_checks_the_whole_tree() {
    use garde::Validate;

    #[derive(Debug, Deserialize, Validate, Config)]
    #[config(garde)]
    struct Settings {
        #[garde(length(min = 2))]
        name: String,
        #[garde(dive)]
        #[config(nested)]
        mirrors: Vec<Mirror>,
    }

    #[derive(Debug, Deserialize, Validate, Config)]
    struct Mirror {
        #[garde(range(min = 1, max = 9))]
        weight: u8,
    }

    let mirrors = r#"[{"weight": 1}, {"weight": 10}]"#;
    let error = Settings::loader().env_from([("NAME", "x"), ("MIRRORS", mirrors)]).load().unwrap_err();
    let told: Vec<_> = error.problems().iter().map(|problem| (problem.path(), problem.origin())).collect();
    assert_eq!(told, [("name", Some("NAME")), ("mirrors.1.weight", Some("MIRRORS"))]);
    assert!(Settings::loader().env_from([("NAME", "xy"), ("MIRRORS", "[]")]).load().is_ok());
}

#[cfg(feature = "garde")]
#[test]
fn garde_is_heard_once_and_names_keys_as_the_file_has_them() {
    use garde::Validate;
    use misc_config::{Format, Layer};

    #[derive(Debug, Deserialize, Validate, Config)]
    #[config(garde)]
    struct Settings<T> {
        #[garde(skip)]
        #[serde(default)]
        ports: Vec<T>,
        #[garde(dive)]
        #[config(nested)]
        inner: Inner,
        #[garde(dive)]
        #[serde(flatten)]
        flat: Flat,
        #[garde(dive)]
        #[config(nested)]
        more: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize, Validate, Config)]
    #[config(garde)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        #[garde(length(min = 2))]
        host_name: String,
    }

    #[derive(Debug, Deserialize, Validate, Config)]
    #[serde(rename_all = "kebab-case")]
    struct Flat {
        #[garde(range(min = 1))]
        pool_size: u8,
    }

    let text = "inner: {hostName: x}\npool-size: 0\nmore: [{hostName: xy}, {hostName: z}]";
    let layer = Layer::parse("f", Format::Yaml, text).unwrap();
    let error = Settings::<u16>::loader().layer(layer).load().unwrap_err();
    let told: Vec<_> = error.problems().iter().map(|problem| (problem.path(), problem.origin())).collect();
    let expected =
        [("inner.hostName", Some("f:1:19")), ("pool-size", Some("f:2:12")), ("more.1.hostName", Some("f:3:35"))];
    assert_eq!(told, expected);
}
