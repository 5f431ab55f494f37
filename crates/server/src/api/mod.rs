//! The HTTP API: types, router, handlers.

pub mod types;
