//! How much room a dump needs, and how much there is.

use crate::dump::settings::Dump;
use nix::sys::statvfs::statvfs;
use std::path::Path;

/// How large a dump may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// In bytes.
    pub(crate) bytes: u64,
    /// Where that is known from.
    pub(crate) because: &'static str,
}

/// How large a dump may become: as the operator says, as the database says, or as the last one was and a quarter more.
pub(crate) fn wanted(dump: &Dump, estimate: Option<&str>) -> Option<Wanted> {
    if let Some(bytes) = dump.expected_size {
        return Some(Wanted { bytes, because: "expected_size" });
    }
    if let Some(bytes) = estimate.and_then(|text| text.trim().parse::<u64>().ok()).filter(|bytes| *bytes > 0)
    {
        return Some(Wanted { bytes, because: "the size of the tables, with their indexes" });
    }
    let last = std::fs::metadata(&dump.file).ok().map(|found| found.len()).filter(|bytes| *bytes > 0)?;
    Some(Wanted { bytes: last.saturating_add(last / 4), because: "a quarter more than the last dump" })
}

/// How much may be written to a folder here, if the system says so.
pub(crate) fn free(folder: &Path) -> Option<u64> {
    let found = statvfs(folder).ok()?;
    found.blocks_available().checked_mul(found.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::toml_document::Section;
    use crate::dump::settings::NodeSettings;
    use crate::ui::environment::Environment;
    use parsers::columns::ColumnMap;

    #[test]
    fn the_operator_knows_best_then_the_database_then_the_past() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "[[node]]\nname = \"n\"\nhost = \"h\"\nuser = \"u\"\n[[node.dump]]\ndatabase = \"cinder\"\n";
        let mut section = Section::parse(&folder.path().join("cutover.toml"), text).unwrap();
        let map = ColumnMap::built_in().unwrap();
        let settings = NodeSettings::take(&mut section, &map, &Environment::of_process()).unwrap();
        let mut dump = settings.nodes[0].dumps[0].clone();
        let found = |dump: &Dump, estimate| wanted(dump, estimate).map(|wanted| wanted.bytes);
        assert_eq!(found(&dump, None), None);
        std::fs::write(&dump.file, "1234").unwrap();
        assert_eq!(found(&dump, None), Some(5));
        assert_eq!(found(&dump, Some("")), Some(5));
        assert_eq!(found(&dump, Some("77\n")), Some(77));
        dump.expected_size = Some(9);
        assert_eq!(found(&dump, Some("77")), Some(9));
        assert!(free(folder.path()).unwrap() > 0);
    }
}
