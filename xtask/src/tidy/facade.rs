//! The facade re-exports and does nothing else: what it can do, single crates can.

mod statement;

use self::statement::{Kind, Statement, statements};
use crate::{
    manifest::Dependency,
    problem::Problem,
    repo::Repo,
    workspace::{FACADE, Package, Workspace},
};

/// Crates whose items stand at the root of the facade, without a feature of their own name.
const AT_ROOT: &[&str] = &["misc_core", "misc_macros"];

/// What is wrong with a statement or a dependency, and what to do.
type Complaint = (String, String);

/// `pub use` and a prelude of them; no functions, no types, no other files.
pub(super) fn facade_has_no_code(repo: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    let Some(facade) = workspace.package(FACADE) else { return };
    for (path, text) in repo.files_in(&format!("{}/src", facade.dir)) {
        if !path.ends_with("/src/lib.rs") && !path.ends_with("/src/prelude.rs") {
            problems.push(Problem::new(path, 1, "the facade has code", "move it to the crate of its noun"));
            continue;
        }
        for statement in statements(path, text) {
            if let Some((what, cure)) = complaint_of_code(&statement) {
                problems.push(Problem::new(path, statement.line, what, cure));
            }
        }
    }
}

/// A crate `misc-http` stands in the facade as the module `http`, if the feature `http` is on.
pub(super) fn modules_are_features(repo: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    let Some(facade) = workspace.package(FACADE) else { return };
    let path = format!("{}/src/lib.rs", facade.dir);
    let statements = statements(&path, repo.text(&path).unwrap_or_default());
    for statement in statements.iter().filter(|statement| statement.is_root_use()) {
        if let Some((what, cure)) = complaint_of_module(statement) {
            problems.push(Problem::new(&path, statement.line, what, cure));
        }
    }
}

/// A crate `misc-http` is an optional dependency that the feature `http` enables, and is re-exported.
pub(super) fn crates_are_features(repo: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    let Some(facade) = workspace.package(FACADE) else { return };
    let path = format!("{}/src/lib.rs", facade.dir);
    let statements = statements(&path, repo.text(&path).unwrap_or_default());
    let modules: Vec<_> = statements
        .iter()
        .filter(|statement| statement.is_root_use())
        .filter_map(|statement| sibling(statement.code))
        .collect();
    for edge in facade.dependencies.iter().filter(|edge| !AT_ROOT.contains(&edge.key.replace('-', "_").as_str())) {
        if let Some((what, cure)) = complaint_of_edge(facade, edge, &modules) {
            problems.push(Problem::new(facade.manifest(), edge.line, what, cure));
        }
    }
}

fn complaint_of_code(statement: &Statement<'_>) -> Option<Complaint> {
    match statement.kind {
        Kind::Other => Some(("the facade has code".to_owned(), "move it to the crate of its noun".to_owned())),
        Kind::Use if statement.in_prelude => complaint_of_prelude(statement),
        Kind::Use | Kind::Prelude => None,
    }
}

/// A module in the prelude would shadow the crate of its name (`metrics`, `http`) in every file that imports it.
fn complaint_of_prelude(statement: &Statement<'_>) -> Option<Complaint> {
    let pieces = statement.code.split([',', '{', '}']).map(str::trim);
    let originals = pieces.filter_map(|piece| piece.split(" as ").next());
    let mut names = originals.filter_map(|path| path.rsplit("::").next()).filter(|name| !name.is_empty());
    let name = names.find(|name| !name.starts_with(char::is_uppercase))?;
    let what = format!("the prelude exports `{name}`, neither a type nor a trait");
    Some((what, "let users write `misc::` before it".to_owned()))
}

fn complaint_of_module(statement: &Statement<'_>) -> Option<Complaint> {
    let module = sibling(statement.code)?;
    let expected = format!("misc_{module} as {module}");
    if statement.code != expected {
        let what = "a crate is not the module of its name".to_owned();
        return Some((what, format!("write `pub use {expected};`")));
    }
    let gate = format!("#[cfg(feature = \"{}\")]", module.replace('_', "-"));
    let what = format!("`{module}` is not behind its feature");
    (!statement.attributes.contains(&gate)).then(|| (what, format!("write `{gate}` above it")))
}

fn complaint_of_edge(facade: &Package, edge: &Dependency, modules: &[&str]) -> Option<Complaint> {
    let name = edge.package.strip_prefix("misc-")?;
    let (key, module) = (&edge.key, name.replace('-', "_"));
    let enables = format!("dep:{key}");
    if !edge.optional || facade.feature(name).is_none_or(|feature| !feature.enables.contains(&enables)) {
        let cure = format!("make it `optional = true` and enabled by the feature `{name} = [\"{enables}\"]`");
        return Some((format!("`{key}` is not behind its feature"), cure));
    }
    let cure = format!("write `pub use misc_{module} as {module};` in lib.rs");
    (!modules.contains(&module.as_str())).then(|| (format!("`{key}` is not re-exported"), cure))
}

/// The crate, without its prefix, of a re-export that belongs in a module.
fn sibling(code: &str) -> Option<&str> {
    let end = code.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(code.len());
    let name = &code[..end];
    name.strip_prefix("misc_").filter(|_| !AT_ROOT.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{edited, problems},
        *,
    };

    const LIB: &str = "crates/misc/src/lib.rs";

    #[track_caller]
    fn check(path: &str, from: &str, to: &str, expected: &str) {
        assert_eq!(
            problems(&[facade_has_no_code, modules_are_features, crates_are_features], &edited(path, from, to)),
            expected
        );
    }

    #[test]
    fn code_stays_out() {
        let core = "pub use misc_core::{App, Service};\n";
        let expected = "crates/misc/src/lib.rs:4: the facade has code; move it to the crate of its noun";
        check(LIB, core, "pub fn main() { run(); }\n", expected);
        check(LIB, core, "mod http;\n", expected);
        check(LIB, core, "/// Docs.\n#[cfg(feature = \"]\")]\npub struct App {}\n", &expected.replace(":4:", ":6:"));
        let expected = "crates/misc/src/app.rs:1: the facade has code; move it to the crate of its noun";
        assert_eq!(problems(&[facade_has_no_code], "//- crates/misc/src/app.rs\n//! App.\n"), expected);
    }

    #[test]
    fn preludes_export_types() {
        let expected = "crates/misc/src/lib.rs:11: the prelude exports `http`, neither a type nor a trait; let users write `misc::` before it";
        check(LIB, "Service as _", "http", expected);
        check(LIB, "misc_core::{App, Service as _}", "misc_http as http", &expected.replace("`http`", "`misc_http`"));
        check(LIB, "misc_core::{App, Service as _}", "misc_core::*", &expected.replace("`http`", "`*`"));
        check(LIB, "App, Service as _", "App, service::{Service, Spec}", "");
    }

    #[test]
    fn modules_have_the_names_of_crates() {
        let expected =
            "crates/misc/src/lib.rs:7: a crate is not the module of its name; write `pub use misc_http as http;`";
        check(LIB, "misc_http as http", "misc_http as web", expected);
        check(LIB, "misc_http as http", "misc_http::Server", expected);
        let expected =
            "crates/misc/src/lib.rs:6: `http` is not behind its feature; write `#[cfg(feature = \"http\")]` above it";
        check(LIB, "#[cfg(feature = \"http\")]\n", "", expected);
    }

    #[test]
    fn crates_are_behind_features() {
        let manifest = "crates/misc/Cargo.toml";
        let cure = "make it `optional = true` and enabled by the feature `http = [\"dep:misc-http\"]`";
        let expected = format!("crates/misc/Cargo.toml:18: `misc-http` is not behind its feature; {cure}");
        check(manifest, "http = [", "web = [", &expected);
        check(manifest, ", optional = true", "", &expected);
        let expected =
            "crates/misc/Cargo.toml:18: `misc-http` is not re-exported; write `pub use misc_http as http;` in lib.rs";
        check(LIB, "pub use misc_http as http;\n", "", expected);
    }
}
