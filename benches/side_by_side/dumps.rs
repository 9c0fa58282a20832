//! The dumps that everything is measured with: made anew each time, always the same.

use fixtures::{Database, Form, Layout, Shape, Site};
use std::path::{Path, PathBuf};

/// Job records, whatever the number of copies: those of the last weeks.
pub const JOB_RECORDS: u64 = 200_000;

/// cinder's and autobackup's dumps of a site, on disk.
#[derive(Debug)]
pub struct Dumps {
    folder: tempfile::TempDir,
    site: Site,
}

impl Dumps {
    /// The dumps of a site with so many copies, each with an id and names of its own.
    pub fn of(backups: u64, policies: u64, form: Form) -> Self {
        let site = Site::sized(1, backups);
        Self::make(Site { policies, job_records: site.job_records.min(JOB_RECORDS), ..site }, form)
    }

    /// The dumps of this site.
    pub fn make(site: Site, form: Form) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").expect("there is room");
        let layout = Layout { owners: false, form, ..Layout::of(Shape::PgDump15) };
        for database in [Database::Cinder, Database::Vbs] {
            let mut file =
                std::fs::File::create(folder.path().join(database.file_name())).expect("there is room");
            site.write(database, &layout, &mut file).expect("there is room");
        }
        Self { folder, site }
    }

    /// Where there is room for more.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The copies.
    pub fn backups(&self) -> u64 {
        self.site.backups
    }

    /// The files.
    pub fn paths(&self) -> [PathBuf; 2] {
        [Database::Cinder, Database::Vbs].map(|database| self.folder.path().join(database.file_name()))
    }

    /// Their size in millions of bytes.
    pub fn megabytes(&self) -> f64 {
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |m| m.len() / 1000);
        self.paths().iter().map(size).map(number).sum::<f64>() / 1e3
    }
}

/// A count as a number to reckon with.
pub fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
