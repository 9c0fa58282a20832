//! What is done with a target beside importing: rollback, status, policies, schema and the map of names.

pub mod args;
pub mod columns;
pub mod error;
pub mod options;
pub mod policies;
pub mod rollback;
pub mod sample;
pub mod schema;
pub mod status;
