//! The one writer of files that appear whole or not at all.
//!
//! A file is written under a random name beside its place, which `O_CREAT | O_EXCL` makes: nothing that lies there before is
//! opened. What is replaced is compared with what was at the place in the beginning, in one step with the renaming.

use crate::files::place::{PRIVATE, folder_of, inode, resolve, sync_folder};
use nix::fcntl::OFlag;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How a file is called that is not whole yet: `NAME.`, 32 random hexadecimal digits, and this.
const SUFFIX: &str = ".part";
const DIGITS: usize = 32;

/// The longest name in Linux' file systems, in bytes (NAME_MAX).
const NAME_BYTES: usize = 255;

/// A file that is being written beside its place; dropping it removes it.
#[derive(Debug)]
pub struct Replacement {
    /// Locked as long as the writer lives, so that no other run takes it for one that a killed run left.
    file: File,
    path: PathBuf,
    place: PathBuf,
    /// What was at the place in the beginning.
    before: Option<Stamp>,
    settled: bool,
}

/// A file's identity and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { inode: inode(metadata), size: metadata.len(), modified }
    }

    fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => Ok(Some(Self::of(&found))),
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) => Err(io::Error::other("this is not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Replacement {
    /// Makes an empty file beside `place`, for its owner alone. Links at `place` are followed.
    ///
    /// # Errors
    /// It cannot be made, or something other than a regular file is at `place`.
    pub fn create(place: &Path) -> io::Result<Self> {
        let place = resolve(place)?;
        let before = Stamp::at(&place)?;
        let name = place.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        remove_left(folder_of(&place), name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(PRIVATE);
        options.custom_flags(OFlag::O_NOFOLLOW.bits());
        for _ in 0..100 {
            let path = place.with_file_name(unfinished(name));
            let file = match options.open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            // A run that clears up may look at it before it is locked, and remove it.
            let locked = !matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
            if locked && is_at(&file, &path) {
                return Ok(Self { file, path, place, before, settled: false });
            }
            let _ = fs::remove_file(&path);
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Where it is until it is published.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there was a file with something in it at the place in the beginning.
    #[must_use]
    pub fn replaces_something(&self) -> bool {
        self.before.is_some_and(|before| before.size > 0)
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Whether what is at the place is what was there in the beginning.
    ///
    /// # Errors
    /// It is not, or cannot be looked at.
    pub fn check_place(&self) -> io::Result<()> {
        if Stamp::at(&self.place)? == self.before { Ok(()) } else { Err(changed()) }
    }

    /// Brings the file to the disk and moves it to its place.
    ///
    /// # Errors
    /// The system's, or the place is no longer what it was in the beginning; what is there stays.
    pub fn publish(mut self) -> io::Result<()> {
        self.settle()
    }

    /// As [`Replacement::publish`]; where that fails the file is kept beside its place, under the name that is returned.
    ///
    /// # Errors
    /// As [`Replacement::publish`].
    pub fn publish_or_keep(mut self) -> Result<PathBuf, (PathBuf, io::Error)> {
        match self.settle() {
            Ok(()) => Ok(self.place.clone()),
            Err(error) => {
                self.settled = true;
                // Under its present name the next run would take it for one that a killed run left.
                let kept = self.path.with_extension("kept");
                let moved = rename(&self.path, &kept, RenameFlags::NOREPLACE);
                Err((if moved.is_ok() { kept } else { self.path.clone() }, error))
            }
        }
    }

    fn settle(&mut self) -> io::Result<()> {
        self.sync()?;
        if !is_at(&self.file, &self.path) {
            return Err(io::Error::other("another program took away the file while it was being written"));
        }
        match self.before {
            None => self.move_to_free_place()?,
            Some(before) => self.exchange(before)?,
        }
        self.settled = true;
        sync_folder(&self.place);
        Ok(())
    }

    fn move_to_free_place(&self) -> io::Result<()> {
        match rename(&self.path, &self.place, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => Err(changed()),
            Err(Errno::INVAL | Errno::NOSYS) => self.check_and_move(),
            moved => Ok(moved?),
        }
    }

    /// Changes places with the file that is replaced, so that it can be looked at before it is removed.
    fn exchange(&self, before: Stamp) -> io::Result<()> {
        match rename(&self.path, &self.place, RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => return self.move_to_free_place(),
            Err(Errno::INVAL | Errno::NOSYS) => return self.check_and_move(),
            exchanged => exchanged?,
        }
        if Stamp::at(&self.path).is_ok_and(|found| found == Some(before)) {
            return fs::remove_file(&self.path);
        }
        rename(&self.path, &self.place, RenameFlags::EXCHANGE)?;
        Err(changed())
    }

    /// For file systems that cannot look and rename in one step.
    fn check_and_move(&self) -> io::Result<()> {
        self.check_place()?;
        fs::rename(&self.path, &self.place)
    }
}

impl io::Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl io::Seek for Replacement {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.settled && is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a name is that of a file that is, or was, being written.
#[must_use]
pub fn is_unfinished(name: &OsStr) -> bool {
    let digits = name.as_bytes().strip_suffix(SUFFIX.as_bytes()).and_then(|rest| {
        let (name, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
        name.ends_with(b".").then_some(digits)
    });
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// A name nobody can foresee: the standard library's hash keys come from the system's random numbers.
fn unfinished(name: &OsStr) -> OsString {
    let [high, low] = [0, 1].map(|n: u8| RandomState::new().hash_one(n));
    let mut unfinished = beginning(name);
    unfinished.push(format!("{high:016x}{low:016x}{SUFFIX}"));
    unfinished
}

/// What the names of unfinished files of a name begin with.
fn beginning(name: &OsStr) -> OsString {
    let room = NAME_BYTES - DIGITS - SUFFIX.len() - 1;
    let mut beginning = OsStr::from_bytes(name.as_bytes().get(..room).unwrap_or(name.as_bytes())).to_owned();
    beginning.push(".");
    beginning
}

/// Removes what killed runs left of files of this name: this user's regular files that nobody holds locked.
fn remove_left(folder: &Path, name: &OsStr) {
    let beginning = beginning(name);
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let length = beginning.len() + DIGITS + SUFFIX.len();
        if found.len() != length
            || !found.as_bytes().starts_with(beginning.as_bytes())
            || !is_unfinished(&found)
        {
            continue;
        }
        let path = entry.path();
        let left = fs::symlink_metadata(&path).is_ok_and(|found| {
            found.is_file() && found.uid() == nix::unistd::geteuid().as_raw() && found.nlink() == 1
        });
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        if left
            && let Ok(file) = OpenOptions::new().read(true).custom_flags(flags.bits()).open(&path)
            && file.try_lock().is_ok()
            && is_at(&file, &path)
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Asks the kernel itself: the function that glibc has for it since 2.28 is missing on older nodes.
fn rename(from: &Path, to: &Path, flags: RenameFlags) -> rustix::io::Result<()> {
    renameat_with(CWD, from, CWD, to, flags)
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(found)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    inode(&open) == inode(&found)
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "another program made or changed it meanwhile")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn written(place: &Path) -> Replacement {
        let mut file = Replacement::create(place).unwrap();
        file.write_all(b"new").unwrap();
        file
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x.sql");
        let file = written(&place);
        let [name] = &names(folder.path())[..] else { panic!() };
        assert!(name.starts_with("x.sql.") && is_unfinished(OsStr::new(name)), "{name}");
        drop(file);
        assert!(names(folder.path()).is_empty());
        fs::write(&place, "old").unwrap();
        let file = written(&place);
        assert_eq!(fs::read(&place).unwrap(), b"old");
        file.publish().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, PRIVATE);
        assert_eq!(names(folder.path()), ["x.sql"]);
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x.sql");
        let digits = "0123456789abcdef0123456789abcdef";
        fs::write(folder.path().join(format!("x.sql.{digits}.part")), "left").unwrap();
        let others = [format!("y.sql.{digits}.part"), format!("x.sql.{digits}"), "x.sql.part".to_owned()];
        for other in &others {
            fs::write(folder.path().join(other), "other").unwrap();
        }
        let first = written(&place);
        let second = written(&place);
        assert_eq!(names(folder.path()).len(), others.len() + 2);
        assert!(first.path().exists() && second.path().exists());
        drop((first, second));
        let mut expected = others.to_vec();
        expected.sort();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn a_file_that_another_program_made_or_changed_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x");
        for before in [None, Some("old"), Some("")] {
            let _ = fs::remove_file(&place);
            if let Some(before) = before {
                fs::write(&place, before).unwrap();
            }
            let file = written(&place);
            fs::write(&place, "another program's").unwrap();
            assert!(file.check_place().is_err());
            assert_eq!(file.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{before:?}");
            assert_eq!(fs::read(&place).unwrap(), b"another program's");
            assert_eq!(names(folder.path()), ["x"]);
        }
        let file = written(&place);
        fs::remove_file(&place).unwrap();
        file.publish().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
    }

    #[test]
    fn of_two_that_write_one_file_neither_loses_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x");
        let (first, mut second) = (written(&place), Replacement::create(&place).unwrap());
        second.write_all(b"second").unwrap();
        assert_eq!(first.publish_or_keep().unwrap(), place);
        let (kept, _) = second.publish_or_keep().unwrap_err();
        drop(written(&place));
        assert_eq!(
            (fs::read(&place).unwrap(), fs::read(kept).unwrap()),
            (b"new".to_vec(), b"second".to_vec())
        );
    }

    #[test]
    fn links_are_followed_and_only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("real"), "old").unwrap();
        for (link, aim) in
            [("first", "second"), ("second", "real"), ("dangling", "absent"), ("circle", "circle")]
        {
            std::os::unix::fs::symlink(aim, path(link)).unwrap();
        }
        written(&path("first")).publish().unwrap();
        assert_eq!(fs::read(path("real")).unwrap(), b"new");
        assert!(fs::symlink_metadata(path("first")).unwrap().is_symlink());
        written(&path("dangling")).publish().unwrap();
        assert_eq!(fs::read(path("absent")).unwrap(), b"new");
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for wrong in ["circle", "fifo", "", "no/x"] {
            assert!(Replacement::create(&path(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_of_any_length_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x".repeat(NAME_BYTES));
        written(&place).publish().unwrap();
        written(&place).publish().unwrap();
        assert_eq!(names(folder.path()).len(), 1);
    }
}
