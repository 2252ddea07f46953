//! The keys of a schema, each with its path, its variable and its flag.

mod kinds;
mod spelling;

use std::collections::HashMap;

use misc_core::schema::{Defaults, Field, Kind, Schema, Variant};

use self::spelling::variable;
pub(crate) use self::{
    kinds::{Bare, bare, below, is_secret, kinds_below, names, rank, variant_of},
    spelling::flag,
};
use crate::error::Problem;

/// What makes a variable name a file that has the value, as images of containers have it.
pub(crate) const FILE: &str = "_FILE";

/// One key that has a value of its own.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// The names from the root on.
    pub(crate) parts: Vec<&'static str>,
    /// The names, with dots between them.
    pub(crate) path: String,
    /// The environment variable.
    pub(crate) variable: String,
    /// The flag on the command line, without the dashes in front.
    pub(crate) flag: String,
    /// The variables and flags of other names for its last part, as far as no other key has them.
    pub(crate) others: Others,
    /// What the schema says.
    pub(crate) field: Field,
    /// What its value looks like, without `Optional` and `Secret` around it.
    pub(crate) kind: Kind,
    /// Whether its value is never shown.
    pub(crate) secret: bool,
    /// How many of its parts name a section that is nothing where it is missing, if any: the longest such.
    pub(crate) option: usize,
    /// How many of its parts name a section that the program makes where it is missing, if any: the longest such.
    pub(crate) filled: usize,
    /// What the section that it is in is for, if anything says so.
    pub(crate) section: &'static str,
    /// The structs around it that have a `Default`, outermost first, each with how many of the parts lead to it.
    pub(crate) defaults: Vec<(usize, fn() -> Defaults)>,
}

/// Variables and flags that mean the same as those of a key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others {
    pub(crate) variables: Vec<String>,
    pub(crate) flags: Vec<String>,
}

/// All keys of a schema, in order.
#[derive(Debug)]
pub(crate) struct Keys {
    /// What the names of variables begin with, spelt as they are.
    pub(crate) prefix: String,
    pub(crate) all: Vec<Key>,
}

impl Keys {
    /// Lists the keys of a struct.
    pub(crate) fn of(kind: &'static Kind, prefix: &str) -> Self {
        let mut keys = Self { prefix: spelling::prefix(prefix), all: Vec::new() };
        if let Kind::Struct(schema) = kind {
            keys.add_schema(schema, &mut Section::default());
        }
        keys.forget_shared_others();
        keys
    }

    /// Forgets other names that would be a guess: each key counts once for a name, whatever it calls it.
    fn forget_shared_others(&mut self) {
        if self.all.iter().all(|key| key.field.aliases.is_empty()) {
            return;
        }
        let (mut variables, mut flags) = (HashMap::<_, usize>::new(), HashMap::<_, usize>::new());
        for key in &self.all {
            key.variables().for_each(|name| *variables.entry(name.clone()).or_default() += 1);
            key.others.flags.iter().chain([&key.flag]).for_each(|name| *flags.entry(name.clone()).or_default() += 1);
        }
        for key in &mut self.all {
            key.others.variables.retain(|name| variables[name] == 1);
            key.others.flags.retain(|name| flags[name] == 1);
        }
    }

    /// Names the variable that names a file with the value of a key, unless a key has one of that name for its own value.
    pub(crate) fn file_variable(&self, key: &Key) -> Option<String> {
        let name = format!("{}{FILE}", key.variable);
        let is_taken = self.all.iter().flat_map(Key::variables).any(|other| *other == name);
        Some(name).filter(|_| !is_taken)
    }

    /// Finds the key that a file of secrets is called after: one of its variables, in capitals or small letters and with or
    /// without the prefix, or its path.
    pub(crate) fn called(&self, file: &str) -> Option<&Key> {
        let spelt = [file.replace(['.', '-'], "_").to_uppercase(), variable("", &[file])];
        let mut names = spelt.into_iter().flat_map(|name| [name.clone(), format!("{}_{name}", self.prefix)]);
        let key_of = |name| self.all.iter().find(|key| key.variables().any(|variable| *variable == name));
        names.find_map(key_of).or_else(|| self.all.iter().find(|key| key.path == file))
    }

    /// Finds names that two keys share, which would make one of them a guess.
    pub(crate) fn clashes(&self) -> Vec<Problem> {
        let (mut variables, mut flags, mut shorts) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut problems = Vec::new();
        for key in &self.all {
            if let Some(first) = variables.insert(&*key.variable, key) {
                problems.push(clash(key, first, &format!("variable `{}`", key.variable)));
            }
            if let Some(first) = flags.insert(&*key.flag, key) {
                problems.push(clash(key, first, &format!("flag `--{}`", key.flag)));
            }
            let short = key.field.short;
            if let Some((short, first)) = short.and_then(|short| Some((short, shorts.insert(short, key)?))) {
                problems.push(clash(key, first, &format!("flag `-{short}`")));
            }
        }
        problems
    }

    fn add_schema(&mut self, schema: &'static Schema, section: &mut Section) {
        let outer = section.defaults.len();
        section.defaults.extend(schema.defaults.map(|defaults| (section.parts.len(), defaults)));
        for field in schema.fields {
            self.add_field(field, section);
        }
        section.defaults.truncate(outer);
    }

    fn add_field(&mut self, field: &'static Field, section: &mut Section) {
        let Bare { kind, optional, secret } = bare(field.kind);
        let outer = (section.option, section.filled, section.docs, section.secret);
        section.secret |= secret;
        if field.flatten {
            self.add_inside(kind, section);
            section.secret = outer.3;
            return;
        }
        section.parts.push(field.name);
        match kind {
            Kind::Struct(_) | Kind::Tagged { .. } => {
                section.option = if optional { section.parts.len() } else { section.option };
                section.filled = if field.optional && !optional { section.parts.len() } else { section.filled };
                section.docs = field.docs;
                self.add_inside(kind, section);
            }
            _ => self.add_key(section, *field, *kind),
        }
        section.parts.pop();
        (section.option, section.filled, section.docs, section.secret) = outer;
    }

    /// Adds the keys of a section.
    fn add_inside(&mut self, kind: &'static Kind, section: &mut Section) {
        match kind {
            Kind::Struct(schema) => self.add_schema(schema, section),
            Kind::Tagged { tag, variants } => self.add_variants(tag, variants, section),
            _ => {}
        }
    }

    /// Adds the key that decides, and the keys of all variants: those of one name are one key.
    fn add_variants(&mut self, tag: &'static str, variants: &'static [Variant], section: &mut Section) {
        section.parts.push(tag);
        let field = Field::new(tag, &Kind::Text);
        self.add_key(section, field, Kind::Enum(variants));
        section.parts.pop();
        let first = self.all.len();
        for field in variants.iter().flat_map(|variant| variant.fields) {
            let known = self.all.len();
            self.add_field(field, section);
            for key in self.all.split_off(known) {
                match self.all[first..].iter_mut().find(|other| other.path == key.path) {
                    Some(other) => other.join(&key),
                    None => self.all.push(key),
                }
            }
        }
    }

    fn add_key(&mut self, section: &Section, field: Field, kind: Kind) {
        let parts = section.parts.clone();
        let path = parts.join(".");
        let variable = field.env.map_or_else(|| variable(&self.prefix, &parts), str::to_owned);
        let flag = flag(&path);
        let others = self.others(&parts, &field);
        self.all.push(Key {
            parts,
            path,
            variable,
            flag,
            others,
            field,
            kind,
            secret: section.secret,
            option: section.option,
            filled: section.filled,
            section: section.docs,
            defaults: section.defaults.clone(),
        });
    }

    /// Names a key by its aliases; a variable that has a name of its own has no others.
    fn others(&self, parts: &[&'static str], field: &Field) -> Others {
        let mut others = Others::default();
        let Some((_, above)) = parts.split_last() else { return others };
        for alias in field.aliases {
            let parts = [above, &[*alias]].concat();
            others.flags.push(flag(&parts.join(".")));
            others.variables.extend(field.env.is_none().then(|| variable(&self.prefix, &parts)));
        }
        for names in [&mut others.flags, &mut others.variables] {
            names.sort();
            names.dedup();
        }
        others
    }
}

impl Key {
    /// Lists the variables that have its value.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &String> {
        self.others.variables.iter().chain([&self.variable])
    }

    /// Makes one key of two that variants have by the same name: secret if either is, and of no kind that only one has.
    fn join(&mut self, other: &Self) {
        self.secret |= other.secret || self.field.kind.hides() || other.field.kind.hides();
        if !is_same(&self.kind, &other.kind) {
            self.kind = Kind::Any;
        }
    }
}

/// Returns whether texts mean the same as one kind and as another.
fn is_same(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::List(one), Kind::List(other)) => is_same(one, other),
        (Kind::Enum(one), Kind::Enum(other)) => {
            one.iter().map(|variant| variant.name).eq(other.iter().map(|variant| variant.name))
        }
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// Where in the schema a key is.
#[derive(Debug, Default)]
struct Section {
    parts: Vec<&'static str>,
    /// How many of the parts are the path of the innermost section that is nothing where it is missing.
    option: usize,
    /// How many of them are the path of the innermost section that the program makes where it is missing.
    filled: usize,
    /// Whether all of it is secret.
    secret: bool,
    /// What the innermost section is for.
    docs: &'static str,
    /// The structs around that have a `Default`.
    defaults: Vec<(usize, fn() -> Defaults)>,
}
fn clash(key: &Key, first: &Key, what: &str) -> Problem {
    let message = format!("shares the {what} with `{}`", first.path);
    Problem::new(&key.path, message).hint(match what.split_once(' ') {
        Some(("variable", _)) => "rename one of them, or give one another `env`",
        Some((_, name)) if name.starts_with("`--") => "rename one of them",
        _ => "give one of them another `short`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: Kind = Kind::Struct(&Schema::new("", &[Field::new("url", &Kind::Text)]));

    /// Checks how many parts of `database.url` are nothing where they are missing.
    fn check(field: Field, expected: usize) {
        let kind =
            Box::leak(Box::new(Kind::Struct(Box::leak(Box::new(Schema::new("", Box::leak(Box::new([field]))))))));
        let keys = Keys::of(kind, "");
        let url = keys.all.iter().find(|key| key.path == "database.url").unwrap();
        assert_eq!(url.option, expected);
    }

    #[test]
    fn know_which_section_may_be_missing() {
        check(Field::new("database", &DATABASE), 0);
        check(Field::new("database", &Kind::Optional(&DATABASE)), 1);
        check(Field::new("database", &DATABASE).optional(), 0);
    }

    #[test]
    fn have_other_names_that_no_other_key_has() {
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[
                Field::new("port", &Kind::Text).aliases(&["p", "listenPort", "listen_port"]),
                Field::new("path", &Kind::Text).aliases(&["dir", "own", "PATH"]),
                Field::new("root", &Kind::Text).aliases(&["dir", "top"]).env("ROOT"),
                Field::new("own", &Kind::Text),
            ],
        ));
        let others: Vec<_> = Keys::of(&KIND, "A").all.into_iter().map(|key| key.others).collect();
        let flags: Vec<_> = others.iter().map(|others| others.flags.join(" ")).collect();
        let variables: Vec<_> = others.iter().map(|others| others.variables.join(" ")).collect();
        assert_eq!(flags, ["listen-port p", "", "top", ""]);
        assert_eq!(variables, ["A_LISTEN_PORT A_P", "A_DIR", "", ""]);
    }

    #[test]
    fn are_words_of_flags_and_variables() {
        for name in ["max_retries", "max-retries", "maxRetries"] {
            assert_eq!((flag(name).as_str(), variable("", &[name]).as_str()), ("max-retries", "MAX_RETRIES"));
        }
        assert_eq!(
            (flag("a.httpURL2Go"), variable("", &["a", "httpURL2Go"])),
            ("a-http-url2-go".to_owned(), "A_HTTP_URL2_GO".to_owned())
        );
    }

    #[test]
    fn are_secret_where_a_field_of_that_name_is() {
        const LOGIN: Schema =
            Schema::new("", &[Field::new("user", &Kind::Text), Field::new("pin", &Kind::Secret(&Kind::Text))]);
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[
                Field::new("rest", &Kind::Map(&Kind::Any)).flatten(),
                Field::new("any", &Kind::Any).flatten(),
                Field::new("login", &Kind::Optional(&Kind::Struct(&LOGIN))).flatten(),
                Field::new("logins", &Kind::List(&Kind::Struct(&LOGIN))),
            ],
        ));
        let secret: Vec<_> = ["user", "pin", "other", "logins", "logins.0", "logins.0.pin", "logins.0.user"]
            .into_iter()
            .filter(|path| is_secret(&KIND, &path.split('.').map(str::to_owned).collect::<Vec<_>>()))
            .collect();
        assert_eq!(secret, ["pin", "logins.0.pin"]);
    }

    #[test]
    fn share_no_name() {
        const PAGE: Kind = Kind::Struct(&Schema::new("", &[Field::new("url", &Kind::Text)]));
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[
                Field::new("url", &Kind::Text),
                Field::new("page", &PAGE).flatten(),
                Field::new("a_b", &Kind::Text),
                Field::new("a", &Kind::Struct(&Schema::new("", &[Field::new("b", &Kind::Text)]))),
            ],
        ));
        let clashes: Vec<_> = Keys::of(&KIND, "")
            .clashes()
            .iter()
            .map(|problem| format!("{}: {}", problem.path(), problem.message()))
            .collect();
        let expected = [
            "url: shares the variable `URL` with `url`",
            "url: shares the flag `--url` with `url`",
            "a.b: shares the variable `A_B` with `a_b`",
            "a.b: shares the flag `--a-b` with `a_b`",
        ];
        assert_eq!(clashes, expected);
    }
}
