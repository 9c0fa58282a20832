//! Values of fields as texts.

/// A decimal number without zeros that do not count.
pub(crate) fn decimal(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// An id as it is compared across tables.
pub(crate) fn plain(id: &str) -> String {
    id.replace('-', "").to_lowercase()
}
