//! `etl run`, `check`, `verify`, `explain`, `sync` and `batch`: dumps are converted, and loaded or compared.

pub mod args;
pub mod batch;
pub mod check;
pub mod conversion;
pub mod error;
pub mod explain;
pub mod options;
pub mod report;
pub mod run;
pub mod sync;
pub mod verify;
