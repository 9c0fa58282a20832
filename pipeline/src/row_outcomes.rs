//! What became of each source row, one by one, as it is decided: as lines of a file, or as the rows that concern one id.
//!
//! Rows are noted where their outcome is decided, on any thread, and kept nowhere: a chunk's notes go to the file when the chunk is
//! taken. Of the rows that concern an id the first are kept, and all are counted.

mod file;
mod held;
mod notes;
mod recorder;

pub use file::OutcomesFile;
pub(crate) use held::{Became, HeldRows};
pub(crate) use notes::NOTE_COST;
pub use notes::{Decided, Form, Found, FoundRow, Notes, Noting, ROWS_KEPT, TargetKey, is_outcomes};
pub use recorder::Recorder;
