//! What this binary is: version, commit, date, target. The values come from build.rs.

use serde_json::{Value, json};

/// The version with the commit and its date, where they are known.
pub const VERSION: &str = crate::base::build::VERSION;

/// `etl version`, as text.
#[must_use]
pub fn text() -> String {
    let or = |value: &'static str, unknown: &'static str| if value.is_empty() { unknown } else { value };
    let rows = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("commit", or(env!("ETL_COMMIT"), "unknown")),
        ("date", or(env!("ETL_DATE"), "unknown")),
        ("target", env!("ETL_TARGET_TRIPLE")),
        ("glibc", or(env!("ETL_GLIBC"), "that of the machine that built it, or newer")),
        ("features", or(env!("ETL_FEATURES"), "none to choose: everything is built in")),
        ("cpu", or(env!("ETL_CPU"), "any of the target")),
    ];
    rows.map(|(name, value)| format!("{name:<8}  {value}\n")).concat()
}

/// `etl version --json`. What is not known is null; `glibc` is the oldest version that the binary starts with.
#[must_use]
pub fn json() -> String {
    let known = |value: &str| if value.is_empty() { Value::Null } else { value.into() };
    let list = |values: &str| {
        values.split(',').filter(|value| !value.is_empty()).map(Value::from).collect::<Vec<_>>()
    };
    let document = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": known(env!("ETL_COMMIT")),
        "date": known(env!("ETL_DATE")),
        "target": env!("ETL_TARGET_TRIPLE"),
        "glibc": known(env!("ETL_GLIBC")),
        "features": list(env!("ETL_FEATURES")),
        "cpu": list(env!("ETL_CPU")),
    });
    format!("{document:#}\n")
}
