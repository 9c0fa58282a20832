//! The memory of this process: the most it ever had, for the report; and that no core dump shows what is in it.

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};

/// Switches core dumps off, which would write passwords to the disk: by the limit, which programs that are started inherit,
/// and by the attribute (prctl(2), PR_SET_DUMPABLE) that also keeps a program that core_pattern names from them.
///
/// # Errors
/// The system's.
pub fn keep_private() -> std::io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(set_dumpable(false)?)
}

/// Peak resident memory in bytes: `VmHWM` of `/proc/self/status` (proc(5)); `None` where the system has no such file.
#[must_use]
pub fn peak() -> Option<u64> {
    std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(high_water_mark)
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        for (status, bytes) in [
            ("Name:\tetl\nVmPeak:\t  9 kB\nVmHWM:\t    5376 kB\nVmRSS:\t 1 kB\n", Some(5376 * 1024)),
            ("VmHWM:\t12 MB\n", None),
            ("VmHWM:\tx kB\n", None),
            ("Name:\tetl\n", None),
        ] {
            assert_eq!(high_water_mark(status), bytes, "{status}");
        }
    }
}
