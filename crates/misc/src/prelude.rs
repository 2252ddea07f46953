//! The types and traits that most programs name: `use misc::prelude::*;`.

pub use misc_core::{
    Address, App, BoxError, Context, Exit, Handle, Lifecycle, OnFailure, Phase, Plugin, Report, Resource, Restart,
    Service, Spec, Status, Transition,
};
