//! What can be wrong with a stored schedule, and how it is told.
//!
//! Every error names the input, its value and what was expected instead. The column and the line of the dump are
//! added by whoever read the row.

use std::fmt;

use thiserror::Error;

/// A value from which a schedule cannot be read: where it stood, what it was, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {value:?} {reason}")]
pub struct ScheduleError {
    /// The input the value came from.
    pub field: Field,
    /// The value, or the item of a list, shortened if long.
    pub value: String,
    /// What is wrong with it.
    pub reason: Reason,
}

impl ScheduleError {
    pub(crate) fn new(field: Field, value: &str, reason: Reason) -> ScheduleError {
        ScheduleError { field, value: excerpt(value), reason }
    }
}

/// The inputs a schedule is read from. Which column each of them is, the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The times of day.
    Times,
    /// The number of days between two runs.
    Frequency,
    /// The days of the week.
    Weekdays,
    /// Whether a DPS timer goes by days or by weeks.
    FrequencyType,
    /// A Quartz expression as a whole.
    Cron,
    /// One field of a Quartz expression.
    CronPart(CronPart),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Times => f.write_str("times"),
            Field::Frequency => f.write_str("frequency"),
            Field::Weekdays => f.write_str("weekdays"),
            Field::FrequencyType => f.write_str("frequency type"),
            Field::Cron => f.write_str("cron"),
            Field::CronPart(part) => write!(f, "cron, {part}"),
        }
    }
}

/// The fields of a Quartz expression, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CronPart {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days of the month.
    DayOfMonth,
    /// Months.
    Month,
    /// Days of the week.
    DayOfWeek,
    /// Years.
    Year,
}

impl CronPart {
    /// What the field of an expression that Karbor can hold looks like.
    fn expected(self) -> &'static str {
        match self {
            CronPart::Second => "0: Karbor starts backups on the minute",
            CronPart::Minute | CronPart::Hour => {
                "a list of numbers, ranges (a-b) and steps (a/b, a-b/c, */b), or *"
            }
            CronPart::DayOfMonth => "*, */N, 1/N or ?",
            CronPart::Month | CronPart::Year => "*",
            CronPart::DayOfWeek => {
                "?, *, or a list of days and ranges of days, SUN to SAT or 1 (SUN) to 7 (SAT)"
            }
        }
    }
}

impl fmt::Display for CronPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CronPart::Second => "second",
            CronPart::Minute => "minute",
            CronPart::Hour => "hour",
            CronPart::DayOfMonth => "day of month",
            CronPart::Month => "month",
            CronPart::DayOfWeek => "day of week",
            CronPart::Year => "year",
        })
    }
}

/// What is wrong with a value of a schedule. Each is printed after the value and says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// Not of the form `HH:mm[:ss]`.
    #[error("is not a time of day; expected HH:mm or HH:mm:00")]
    NotATime,
    /// An hour above 23.
    #[error("has the hour {hour}; expected 00 to 23")]
    Hour {
        /// The hour found.
        hour: u8,
    },
    /// A minute above 59.
    #[error("has the minute {minute}; expected 00 to 59")]
    Minute {
        /// The minute found.
        minute: u8,
    },
    /// Seconds other than 00.
    #[error("has {seconds} seconds; expected 00, Karbor starts backups on the minute")]
    Seconds {
        /// The seconds found.
        seconds: u8,
    },
    /// No day's name or number.
    #[error("is not a day of the week; expected SUN to SAT or 1 (SUN) to 7 (SAT)")]
    NotADay,
    /// Begins with `[` but is no JSON list.
    #[error("is not a JSON list: {detail}")]
    NotAList {
        /// What the JSON reader says.
        detail: String,
    },
    /// Negative or too long an interval.
    #[error("is not an interval in days; expected 1 to 366, or 0 or nothing for none")]
    Interval,
    /// Neither `day` nor `week`.
    #[error("is not a kind of timer; expected day or week")]
    FrequencyType,
    /// A weekly timer without a day.
    #[error("names no day of the week, but the timer's frequency type is week; expected SUN to SAT")]
    WeekWithoutDays,
    /// A Quartz expression longer than any real one.
    #[error("is {bytes} bytes long; expected at most {limit}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The length allowed, in bytes.
        limit: usize,
    },
    /// A Quartz expression with a wrong number of fields.
    #[error("has {found} fields; expected 6 or 7: second minute hour day-of-month month day-of-week [year]")]
    CronFields {
        /// Fields found.
        found: usize,
    },
    /// A field of a form that Quartz does not know, or that Karbor cannot hold.
    #[error("is not a schedule Karbor can hold; expected {}", .part.expected())]
    CronForm {
        /// The field.
        part: CronPart,
    },
    /// A number outside the field's range.
    #[error("has {number}; expected {low} to {high}")]
    CronNumber {
        /// The number found.
        number: u16,
        /// The least number of the field.
        low: u16,
        /// The greatest number of the field.
        high: u16,
    },
    /// A step of 0 or one beyond the field's end.
    #[error("has the step {step}; expected 1 to {high}")]
    CronStep {
        /// The step found.
        step: u16,
        /// The greatest step of the field.
        high: u16,
    },
    /// Both day fields are `?`.
    #[error("names no days: day-of-month and day-of-week are both ?")]
    CronNoDays,
    /// Both day fields choose days.
    #[error("chooses days both by month and by week; expected ? or * in one of the two")]
    CronBothDays,
}

/// The value as an error shows it: whole if short, else its first 60 characters and an ellipsis.
fn excerpt(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
