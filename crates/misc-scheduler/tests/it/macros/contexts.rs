//! What is opened for tasks.
