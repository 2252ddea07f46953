//! What each attribute does.
