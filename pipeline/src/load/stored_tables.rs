//! What a database's tables are called.

/// A table of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTable {
    /// Its name.
    pub name: String,
    /// Its columns and what the database calls their types, in their order.
    pub columns: Vec<(String, String)>,
}
