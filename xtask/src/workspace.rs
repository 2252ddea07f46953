//! The packages of the repository and what they say of one another.

use std::collections::BTreeSet;

use crate::{
    failure::{Failure, Result},
    manifest::{Dependency, Feature, Manifest, strings},
    problem::Problem,
    repo::Repo,
};

/// The package that re-exports all others.
pub(crate) const FACADE: &str = "misc-rs";

/// What members take from the workspace rather than say themselves.
pub(crate) const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

/// The root manifest and the manifests that hang on it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// `[workspace.dependencies]`.
    pub(crate) shared: Vec<Dependency>,
    /// The members, by directory.
    pub(crate) members: Vec<Package>,
    /// The directories that cargo takes when it is not told otherwise.
    pub(crate) default_members: Vec<String>,
    /// The projects outside the workspace that depend on it.
    pub(crate) consumers: Vec<Package>,
}

/// A package: a member, or a consumer.
#[derive(Debug)]
pub(crate) struct Package {
    /// From the root, as in `crates/misc-core`.
    pub(crate) dir: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) published: bool,
    /// The keys of `[package]`, and `lints`, that the package takes from the workspace.
    pub(crate) inherits: BTreeSet<String>,
    /// As the package sees them, with what the workspace adds.
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: Vec<Feature>,
    /// What `[[test]]` targets require.
    pub(crate) required_features: Vec<String>,
}

impl Workspace {
    /// Reads the manifests, for commands that need nothing else from the rules.
    pub(crate) fn load(repo: &Repo) -> Result<Self> {
        Self::parse(repo).map_err(|problem| Failure::check(problem.to_string()))
    }

    pub(crate) fn parse(repo: &Repo) -> Result<Self, Problem> {
        let root = manifest(repo, "Cargo.toml")?;
        let list = |key: &str| root.entry(&["workspace", key]).map_or_else(Vec::new, |entry| strings(entry.value));
        let shared = root.shared_dependencies();
        let packages = |patterns: &[String], shared: &[Dependency]| -> Result<Vec<Package>, Problem> {
            directories(repo, patterns).into_iter().map(|dir| Package::parse(repo, dir, shared)).collect()
        };
        Ok(Self {
            members: packages(&list("members"), &shared)?,
            consumers: packages(&[format!("{}/*", crate::consumers::DIR)], &[])?,
            default_members: list("default-members"),
            shared,
        })
    }

    /// The crates that users depend on.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.members.iter().filter(|package| package.is_library())
    }

    pub(crate) fn examples(&self) -> impl Iterator<Item = &Package> {
        self.members.iter().filter(|package| package.dir.starts_with("examples/"))
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.members.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn parse(repo: &Repo, dir: &str, shared: &[Dependency]) -> Result<Self, Problem> {
        let manifest = manifest(repo, &format!("{dir}/Cargo.toml"))?;
        let inherits = |path: &[&str]| manifest.entry(path).and_then(|entry| entry.value.as_bool()) == Some(true);
        let keys = INHERITED.iter().filter(|key| inherits(&["package", key, "workspace"]));
        let lints = inherits(&["lints", "workspace"]).then_some("lints");
        let publish = manifest.entry(&["package", "publish"]);
        Ok(Self {
            dir: dir.to_owned(),
            name: manifest.string(&["package", "name"]).unwrap_or_default().to_owned(),
            description: manifest.string(&["package", "description"]).map(str::to_owned),
            published: publish.and_then(|entry| entry.value.as_bool()).unwrap_or(true),
            inherits: keys.copied().chain(lints).map(str::to_owned).collect(),
            dependencies: manifest.dependencies().into_iter().map(|dependency| resolved(dependency, shared)).collect(),
            features: manifest.features(),
            required_features: manifest.required_features(),
        })
    }

    /// Whether users depend on it: in `crates/`, and published. The rest are tools and examples.
    pub(crate) fn is_library(&self) -> bool {
        self.published && self.dir.starts_with("crates/")
    }

    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }

    pub(crate) fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }
}

fn manifest<'r>(repo: &'r Repo, path: &str) -> Result<Manifest<'r>, Problem> {
    let text = repo.text(path).ok_or_else(|| Problem::new(path, 1, "there is no manifest", "add it"))?;
    Manifest::parse(text).map_err(|(line, what)| Problem::new(path, line, what, "mend the manifest"))
}

/// The directories with a manifest that the patterns (a path, or one that ends in `/*` or `/*-*`) name.
fn directories<'r>(repo: &'r Repo, patterns: &[String]) -> Vec<&'r str> {
    let matches = |dir: &str, pattern: &String| match pattern.rsplit_once('/') {
        Some((parent, last)) if last.contains('*') => dir
            .rsplit_once('/')
            .is_some_and(|(start, name)| start == parent && last.split('*').all(|part| name.contains(part))),
        _ => dir == pattern,
    };
    let dirs = repo.files().filter_map(|(path, _)| path.strip_suffix("/Cargo.toml"));
    dirs.filter(|dir| patterns.iter().any(|pattern| matches(dir, pattern))).collect()
}

/// The dependency with what `[workspace.dependencies]` says of it.
fn resolved(dependency: Dependency, shared: &[Dependency]) -> Dependency {
    let Some(base) = shared.iter().find(|base| dependency.inherited && base.key == dependency.key) else {
        return dependency;
    };
    Dependency {
        package: base.package.clone(),
        default_features: base.default_features || dependency.default_features,
        features: [base.features.as_slice(), &dependency.features].concat(),
        ..dependency
    }
}
