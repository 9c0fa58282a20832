//! A file that is written beside its place as `PATH.part` and moved there when it is whole.
//!
//! Whatever happens before that, a signal that nothing can catch included, leaves PATH as it was. A `.part` file that a
//! killed run left is taken over by the next one; one that a living run holds is not touched.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file in the making, for its owner's eyes only; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Part {
    /// Held locked, so that no other run takes the file over.
    file: File,
    /// Where it is now.
    pub(crate) path: PathBuf,
    place: PathBuf,
    moved: bool,
}

/// Whether something may stand where the file is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is replaced.
    Any,
    /// Nothing may, or an empty file at most.
    Free,
}

impl Part {
    /// Makes an empty file beside `place`.
    ///
    /// # Errors
    /// It cannot be made, another run is making it, or `place` is no place for a file.
    pub(crate) fn create(place: &Path) -> Result<Self> {
        // A link keeps pointing where it points.
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        if fs::metadata(&place).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::target(format!("{}: is not a file", place.display()), "name a file"));
        }
        let path = beside(&place, ".part");
        let failed = |source| Error::File { path: path.clone(), doing: "making the file", source };
        // Whoever wrote it last may move it away between the opening and the locking.
        for _ in 0..100 {
            if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
                let what = format!("{}: is in the way and is not a file", path.display());
                return Err(Error::target(what, "remove it"));
            }
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let what = format!("{}: another etl run is writing this file", path.display());
                    return Err(Error::target(what, "wait until that run is over"));
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            if is_at(&file, &path) {
                file.set_len(0).map_err(failed)?;
                file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
                return Ok(Self { file, path, place, moved: false });
            }
        }
        Err(failed(io::Error::from(io::ErrorKind::ResourceBusy)))
    }

    /// Writes the file to the disk and moves it to its place.
    ///
    /// # Errors
    /// It stays out of its place.
    pub(crate) fn publish(mut self, place: Place) -> Result<()> {
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, doing, source }
        };
        self.file.sync_all().map_err(failed("writing to the disk", &self.path))?;
        if place == Place::Free && fs::metadata(&self.place).is_ok_and(|metadata| metadata.len() > 0) {
            let what = format!("{}: somebody made this file while etl was making it", self.place.display());
            return Err(Error::target(what, "see what it is, then run again"));
        }
        fs::rename(&self.path, &self.place).map_err(failed("moving the finished file there", &self.place))?;
        self.moved = true;
        // Without this a power cut could undo the move. It took place all the same.
        if let Ok(folder) = File::open(folder_of(&self.place)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl io::Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.moved {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A path with something put behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x.sql");
        let mut part = Part::create(&place).unwrap();
        part.write_all(b"new").unwrap();
        assert_eq!(names(folder.path()), ["x.sql.part"]);
        drop(part);
        assert!(names(folder.path()).is_empty());

        fs::write(&place, "old").unwrap();
        let mut part = Part::create(&place).unwrap();
        part.write_all(b"new").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"old");
        part.publish(Place::Any).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["x.sql"]);
    }

    #[test]
    fn what_a_killed_run_left_is_taken_over_and_what_a_living_one_holds_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x.sql");
        fs::write(beside(&place, ".part"), "left").unwrap();
        fs::set_permissions(beside(&place, ".part"), Permissions::from_mode(0o644)).unwrap();
        let part = Part::create(&place).unwrap();
        assert_eq!(fs::metadata(&part.path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&part.path).unwrap().len(), 0);
        let refused = Part::create(&place).unwrap_err();
        assert!(refused.to_string().contains("another etl run is writing"), "{refused}");
        assert_eq!(names(folder.path()), ["x.sql.part"], "the refusal removes nothing");
        drop(part);
        drop(Part::create(&place).unwrap());
    }

    #[test]
    fn a_place_that_must_be_free_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x.db");
        let part = Part::create(&place).unwrap();
        fs::write(&place, "somebody's").unwrap();
        assert!(part.publish(Place::Free).is_err());
        assert_eq!(fs::read(&place).unwrap(), b"somebody's");
        assert_eq!(names(folder.path()), ["x.db"]);
    }

    #[test]
    fn a_link_is_followed_and_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.sql"), folder.path().join("link.sql"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut part = Part::create(&link).unwrap();
        part.write_all(b"new").unwrap();
        part.publish(Place::Any).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(Part::create(folder.path()).is_err());
        assert!(Part::create(&folder.path().join("absent/x.sql")).is_err());
        fs::create_dir(folder.path().join("y.sql.part")).unwrap();
        assert!(Part::create(&folder.path().join("y.sql")).is_err());
    }
}
