//! A `run` beside tasks.
