//! A `Cargo.toml`, as far as the rules read it, with the line of everything they may complain about.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::repo::line_at;

/// A parsed manifest; every value knows its place in the text.
#[derive(Debug)]
pub(crate) struct Manifest<'t> {
    text: &'t str,
    root: DeTable<'t>,
}

/// An entry of a table: its key, its line, its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'m, 't> {
    pub(crate) key: &'m str,
    pub(crate) line: usize,
    pub(crate) value: &'m DeValue<'t>,
}

/// The kinds of dependency that cargo knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Normal,
    Dev,
    Build,
}

/// What a package or the workspace says about a dependency.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// The name that code uses.
    pub(crate) key: String,
    /// The name of the package, where it differs.
    pub(crate) package: String,
    pub(crate) kind: DependencyKind,
    pub(crate) inherited: bool,
    pub(crate) optional: bool,
    pub(crate) default_features: bool,
    pub(crate) features: Vec<String>,
    pub(crate) line: usize,
}

/// A feature and the comment above it.
#[derive(Clone, Debug)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) enables: Vec<String>,
    pub(crate) comment: Option<String>,
    pub(crate) line: usize,
}

impl<'t> Manifest<'t> {
    /// Parses the text; an error is a line and what is wrong there.
    pub(crate) fn parse(text: &'t str) -> Result<Self, (usize, String)> {
        let root = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            (line_at(text, offset), error.message().to_owned())
        })?;
        Ok(Self { text, root: root.into_inner() })
    }

    /// The entries of the table at `path`, in the order of the text; none if there is no such table.
    pub(crate) fn entries(&self, path: &[&str]) -> Vec<Entry<'_, 't>> {
        let table = path.iter().try_fold(&self.root, |table, key| table.get(*key)?.get_ref().as_table());
        table.map_or_else(Vec::new, |table| self.entries_of(table))
    }

    /// The entry at `path`, whose last part is its key.
    pub(crate) fn entry(&self, path: &[&str]) -> Option<Entry<'_, 't>> {
        let (key, table) = path.split_last()?;
        self.entries(table).into_iter().find(|entry| entry.key == *key)
    }

    /// The text at `path`.
    pub(crate) fn string(&self, path: &[&str]) -> Option<&str> {
        self.entry(path)?.value.as_str()
    }

    /// Every dependency, whatever its kind or platform.
    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        let mut all = self.dependencies_at(&[]);
        for platform in self.entries(&["target"]) {
            all.extend(self.dependencies_at(&["target", platform.key]));
        }
        all
    }

    /// The dependencies that packages inherit.
    pub(crate) fn shared_dependencies(&self) -> Vec<Dependency> {
        self.dependency_table(&["workspace", "dependencies"], DependencyKind::Normal)
    }

    pub(crate) fn features(&self) -> Vec<Feature> {
        let feature = |entry: Entry<'_, '_>| Feature {
            name: entry.key.to_owned(),
            enables: strings(entry.value),
            comment: self.comment_above(entry.line),
            line: entry.line,
        };
        self.entries(&["features"]).into_iter().map(feature).collect()
    }

    /// The features that integration tests ask for.
    pub(crate) fn required_features(&self) -> Vec<String> {
        let tests = self.root.get("test").and_then(|tests| tests.get_ref().as_array());
        let required = tests.into_iter().flatten().filter_map(|test| test.get_ref().get("required-features"));
        required.flat_map(|features| strings(features.get_ref())).collect()
    }

    fn dependencies_at(&self, prefix: &[&str]) -> Vec<Dependency> {
        use DependencyKind::{Build, Dev, Normal};
        let tables = [("dependencies", Normal), ("dev-dependencies", Dev), ("build-dependencies", Build)];
        tables.iter().flat_map(|(table, kind)| self.dependency_table(&[prefix, &[table]].concat(), *kind)).collect()
    }

    fn dependency_table(&self, path: &[&str], kind: DependencyKind) -> Vec<Dependency> {
        self.entries(path).into_iter().map(|entry| dependency(entry, kind)).collect()
    }

    fn entries_of<'m>(&self, table: &'m DeTable<'t>) -> Vec<Entry<'m, 't>> {
        let mut spanned: Vec<_> = table.iter().collect();
        spanned.sort_by_key(|(key, _)| key.span().start);
        spanned
            .into_iter()
            .map(|(key, value)| Entry { key: key.get_ref(), line: self.line(&key.span()), value: value.get_ref() })
            .collect()
    }

    /// The comment that ends on the line before `line`, as one paragraph.
    fn comment_above(&self, line: usize) -> Option<String> {
        let before: Vec<_> = self.text.lines().take(line - 1).collect();
        let comment = before.iter().rev().map_while(|line| line.trim().strip_prefix('#'));
        let mut lines: Vec<_> = comment.map(str::trim).collect();
        lines.reverse();
        let text = lines.join(" ").trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn line(&self, span: &Range<usize>) -> usize {
        line_at(self.text, span.start)
    }
}

/// The strings of an array.
pub(crate) fn strings(value: &DeValue<'_>) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|item| item.get_ref().as_str()).map(str::to_owned).collect()
}

fn dependency(entry: Entry<'_, '_>, kind: DependencyKind) -> Dependency {
    let field = |name: &str| entry.value.get(name).map(Spanned::get_ref);
    let is = |name: &str, default: bool| field(name).and_then(DeValue::as_bool).unwrap_or(default);
    let package = field("package").and_then(DeValue::as_str).unwrap_or(entry.key);
    let inherited = is("workspace", false);
    Dependency {
        key: entry.key.to_owned(),
        package: package.to_owned(),
        kind,
        inherited,
        optional: is("optional", false),
        default_features: is("default-features", !inherited),
        features: field("features").map(strings).unwrap_or_default(),
        line: entry.line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_lines_and_comments() {
        let text = "[features]\n# Serves\n# pages.\nhttp = [\"dep:hyper\"]\n\nbare = []\n";
        let features = Manifest::parse(text).unwrap().features();
        let told: Vec<_> = features.iter().map(|f| (f.name.as_str(), f.line, f.comment.as_deref())).collect();
        assert_eq!(told, [("http", 4, Some("Serves pages.")), ("bare", 6, None)]);
    }

    #[test]
    fn finds_dependencies_of_every_kind() {
        let text = "dependencies.a.workspace = true\n[build-dependencies]\nb = \"1\"\n\
            [target.'cfg(unix)'.dev-dependencies]\nc = { package = \"d\", default-features = false }\n";
        let all = Manifest::parse(text).unwrap().dependencies();
        let told: Vec<_> =
            all.iter().map(|d| (d.package.as_str(), d.kind, d.inherited, d.default_features, d.line)).collect();
        use DependencyKind::{Build, Dev, Normal};
        assert_eq!(told, [("a", Normal, true, false, 1), ("b", Build, false, true, 3), ("d", Dev, false, false, 5)]);
    }

    #[test]
    fn says_where_the_text_is_wrong() {
        let (line, _) = Manifest::parse("[package]\nname = \n").unwrap_err();
        assert_eq!(line, 2);
    }
}
