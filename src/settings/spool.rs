//! Where what comes through a pipe is copied to: a folder on disk, never one in memory, since a dump may be larger
//! than memory.

use crate::settings::dumps::Dump;
use crate::settings::error::OptionError;
use crate::ui::environment::Environment;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The folder for large temporary files, by the file system hierarchy standard (FHS 3.0, /var/tmp).
const FALLBACK: &str = "/var/tmp";

/// Checks a folder that was named.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn named(folder: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(folder);
    match std::fs::metadata(&folder) {
        Err(error) => Err(format!("the folder cannot be used: {error}")),
        Ok(found) if !found.is_dir() => Err("this is no folder".to_owned()),
        Ok(found) if in_memory(found.dev()) => Err("the folder lies in memory, not on disk".to_owned()),
        Ok(_) => Ok(folder),
    }
}

/// The folder where none was named: TMPDIR if it will do, else /var/tmp, which must do if there is a pipe.
pub(crate) fn unnamed(dumps: &[Dump], environment: &Environment<'_>) -> Result<PathBuf, OptionError> {
    if let Some(Ok(folder)) = environment.value("TMPDIR").map(|folder| named(&folder)) {
        return Ok(folder);
    }
    match named(FALLBACK) {
        Err(problem) if dumps.iter().any(|dump| !dump.regular && dump.identity.is_some()) => {
            Err(OptionError::Spool { path: FALLBACK.into(), problem })
        }
        _ => Ok(Path::new(FALLBACK).to_owned()),
    }
}

fn in_memory(device: u64) -> bool {
    std::fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| memory_backed(&mounts, device))
}

/// Whether a device is a file system in memory, by the lines of `/proc/self/mountinfo` (proc_pid_mountinfo(5)): the
/// third field is the device, the one after a lone hyphen is the type.
fn memory_backed(mounts: &str, device: u64) -> bool {
    // The C library's encoding of a device number.
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    let device = format!("{major}:{minor}");
    mounts.lines().any(|line| {
        let mut fields = line.split(' ');
        let here = fields.nth(2) == Some(&device);
        let kind = fields.skip_while(|field| *field != "-").nth(1);
        here && matches!(kind, Some("tmpfs" | "ramfs" | "devtmpfs" | "hugetlbfs"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 252:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
25 22 0:21 / /dev/shm rw,nosuid - tmpfs tmpfs rw,size=1024k
26 22 0:300 / /run rw shared:5 master:1 - tmpfs tmpfs rw
27 22 0:40 /a /srv/a rw shared:2 - nfs4 host:/tmpfs rw
";

    #[test]
    fn the_file_system_of_a_device_is_in_the_mount_table() {
        for (major, minor, memory) in
            [(252, 0, false), (0, 21, true), (0, 300, true), (0, 40, false), (9, 9, false)]
        {
            let minor: u64 = minor;
            let device = (major << 8) | (minor & 0xff) | ((minor & !0xff) << 12);
            assert_eq!(memory_backed(MOUNTS, device), memory, "{major}:{minor}");
        }
    }

    #[test]
    fn a_named_folder_must_be_one_on_disk() {
        assert!(named("/no/such/folder").unwrap_err().contains("cannot be used"));
        assert_eq!(named("/proc/self/status").unwrap_err(), "this is no folder");
        if in_memory(std::fs::metadata("/dev/shm").map_or(0, |found| found.dev())) {
            assert_eq!(named("/dev/shm").unwrap_err(), "the folder lies in memory, not on disk");
        }
    }

    #[test]
    fn a_folder_that_will_not_do_is_passed_over_where_nobody_asked_for_it() {
        let folder = tempfile::tempdir_in(FALLBACK).unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let check = |variable: Option<&str>, expected: &Path| {
            let variable = |name: &str| variable.filter(|_| name == "TMPDIR").map(str::to_owned);
            let environment = Environment { variable: &variable, ..Environment::of_process() };
            assert_eq!(unnamed(&[], &environment).unwrap(), expected);
        };
        check(Some(&path), folder.path());
        check(Some("/no/such/folder"), Path::new(FALLBACK));
        check(Some("/proc/self/status"), Path::new(FALLBACK));
        check(Some(""), Path::new(FALLBACK));
        check(None, Path::new(FALLBACK));
    }
}
