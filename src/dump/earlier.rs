//! What earlier commands left where a dump was to come.

use pipeline::files::is_unfinished;
use std::path::Path;

/// The files of earlier commands at the place of a dump: an earlier dump, and what was never finished because a command
/// was killed.
pub(crate) fn files(place: &Path) -> Vec<String> {
    let mut found = Vec::new();
    if place.exists() {
        found.push(place.display().to_string());
    }
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = place.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name();
        if is_unfinished(&other) && other.to_string_lossy().starts_with(&format!("{name}.")) {
            found.push(place.with_file_name(other).display().to_string());
        }
    }
    found.sort();
    found
}
