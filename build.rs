//! What the binary says of its own making: commit, date, target, the glibc it was linked for, features.
//!
//! Nothing is taken from the clock: the same commit gives the same bytes. Without git, or in an unpacked tarball, the commit is
//! unknown and the build goes on.

use std::env;
use std::path::Path;
use std::process::Command;

/// Digits of a commit in `etl --version`.
const SHORT_COMMIT: usize = 10;

fn main() {
    for variable in ["SOURCE_DATE_EPOCH", "ETL_GLIBC"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let commit = commit().unwrap_or_default();
    let date = date().unwrap_or_default();
    let package = read("CARGO_PKG_VERSION");
    let known: Vec<&str> = [commit.get(..SHORT_COMMIT).unwrap_or_default(), &date]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let short = if known.is_empty() { package } else { format!("{package} ({})", known.join(" ")) };
    let mut features: Vec<String> = env::vars()
        .filter_map(|(name, _)| {
            name.strip_prefix("CARGO_FEATURE_").map(|feature| feature.to_lowercase().replace('_', "-"))
        })
        .collect();
    features.sort();
    for (name, value) in [
        ("ETL_VERSION", short),
        ("ETL_COMMIT", commit),
        ("ETL_DATE", date),
        ("ETL_TARGET_TRIPLE", read("TARGET")),
        ("ETL_GLIBC", read("ETL_GLIBC")),
        ("ETL_FEATURES", features.join(",")),
        ("ETL_CPU", read("CARGO_CFG_TARGET_FEATURE")),
    ] {
        println!("cargo::rustc-env={name}={value}");
    }
}

/// A variable; empty where there is none.
fn read(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// The commit that is checked out, if this folder is the top of a repository of its own.
fn commit() -> Option<String> {
    // A tarball that was unpacked inside somebody's repository is not that repository's commit.
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() || git(&["ls-files", "build.rs"])?.is_empty() {
        return None;
    }
    // The log of HEAD grows with each commit and each checkout. A file that is not there would make every build a new one.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "HEAD"])
}

/// The day of SOURCE_DATE_EPOCH, else that of the commit, in UTC.
fn date() -> Option<String> {
    let seconds = match env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds,
        Err(_) => {
            commit()?;
            git(&["show", "--no-patch", "--format=%ct", "HEAD"])?
        }
    };
    Some(day(seconds.trim().parse::<i64>().ok()?.div_euclid(86_400)))
}

/// A day as YYYY-MM-DD, from its number since 1970-01-01 (the proleptic Gregorian calendar, in years that begin in March).
fn day(number: i64) -> String {
    let number = number + 719_468;
    let era = number.div_euclid(146_097);
    let of_era = number.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// What git says, if it is there and knows.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(read("CARGO_MANIFEST_DIR")).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
