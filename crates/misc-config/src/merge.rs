//! Layers made one, key by key.

use std::sync::Arc;

use config::{Config, ConfigError, Source};

use crate::{
    place::Said,
    tree::{Table, Value, ValueKind},
};

/// Merges layers, the lowest first: sections and maps key by key, everything else as a whole.
pub(crate) fn merge(layers: &[Arc<Said>]) -> Table {
    let builder = layers.iter().fold(Config::builder(), |builder, layer| builder.add_source(Layer(Arc::clone(layer))));
    match builder.build().map(|config| config.cache.kind) {
        Ok(ValueKind::Table(merged)) => merged,
        // Cannot be: layers are in memory, and tables.
        _ => Table::new(),
    }
}

/// A layer, as the `config` crate asks for it.
#[derive(Clone)]
struct Layer(Arc<Said>);

/// Shows nothing: there are secrets in it.
impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").finish_non_exhaustive()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Table, ConfigError> {
        Ok(self.0.table.clone())
    }

    /// Takes names as they are, where `config` itself would read those at the top as paths.
    fn collect_to(&self, cache: &mut Value) -> Result<(), ConfigError> {
        if let ValueKind::Table(merged) = &mut cache.kind {
            put_over(merged, &self.0.table);
        }
        Ok(())
    }
}

fn put_over(merged: &mut Table, layer: &Table) {
    for (key, value) in layer {
        if let (Some(below), ValueKind::Table(above)) = (merged.get_mut(key), &value.kind)
            && let ValueKind::Table(below) = &mut below.kind
        {
            put_over(below, above);
        } else {
            merged.insert(key.clone(), value.clone());
        }
    }
}
