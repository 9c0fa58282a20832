//! What one run of a command costs, and what many runs come to.

use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// One run: seconds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Of the clock on the wall.
    pub wall: f64,
    /// Of all processors together, the system's part included.
    pub cpu: f64,
}

impl Cost {
    /// Runs a command, whose exit code must be one of `codes`.
    pub fn of(command: &mut Command, codes: &[i32]) -> Self {
        let (began, cpu) = (Instant::now(), cpu_of_children());
        let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().expect("the command starts");
        let wall = began.elapsed().as_secs_f64();
        let code = output.status.code().unwrap_or(-1);
        assert!(codes.contains(&code), "{command:?}: {code}: {}", String::from_utf8_lossy(&output.stderr));
        Self { wall, cpu: cpu_of_children() - cpu }
    }
}

fn cpu_of_children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system answers");
    let seconds = |t: nix::sys::time::TimeVal| {
        let whole = i32::try_from(t.tv_sec()).map_or(0.0, f64::from);
        whole + i32::try_from(t.tv_usec()).map_or(0.0, f64::from) / 1e6
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// The median of seconds on the wall.
pub fn wall(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.wall))
}

/// The median of CPU seconds.
pub fn cpu(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.cpu))
}

/// The median of ratios, each of two runs that stood side by side.
pub fn ratio(ours: &[Cost], theirs: &[Cost]) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| ours.wall / theirs.wall))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What a run's report says.
#[derive(Debug)]
pub struct Told(serde_json::Value);

impl Told {
    /// Reads the report that a run wrote.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a report");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    /// The most memory that the process had, in MiB.
    pub fn peak(&self) -> f64 {
        self.0["peak_memory_bytes"].as_f64().expect("the peak") / f64::from(1 << 20)
    }
}
