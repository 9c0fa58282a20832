//! When backups start, before and after, and which policies do not run exactly as before.

use crate::base::number::{counted, grouped};
use crate::import::report::html::page::{Cell, Mood, shown};
use crate::import::report::html::page::{Drifting, Schedules};
use crate::import::report::picture;
use pipeline::outcome::ScheduleReport;
use schedules::firings::WeekHours;

/// How many drifting schedules the page lists.
const DRIFTING_SHOWN: usize = 100;

/// What is said of schedules: how many run as before, the two weeks, and those that do not.
pub(super) fn schedules(report: &ScheduleReport) -> Schedules {
    let all = report.exact + report.accepted + report.different;
    let days = report.days;
    let lead = match (report.accepted, report.different) {
        (0, 0) => format!(
            "All {} run at exactly the same instants as before.",
            counted(all, "schedule", "schedules")
        ),
        (accepted, 0) => format!(
            "{} of {} schedules run at exactly the same instants as before; {} drift{}, as the conversion accepts.",
            grouped(report.exact),
            grouped(all),
            grouped(accepted),
            if accepted == 1 { "s" } else { "" },
        ),
        (_, different) => format!(
            "{} of {} schedules would run at other times than they should: report this before anything else is done.",
            grouped(different),
            grouped(all),
        ),
    };
    let scale = picture::heat_scale([&report.before, &report.after]);
    // Starts in an hour of a week, on average, in tenths.
    let weekly = |count: u64| {
        let tenths = u128::from(count) * 10 / u128::from(report.weeks.max(1));
        let whole = u64::try_from(tenths / 10).unwrap_or(u64::MAX);
        if tenths % 10 == 0 || whole >= 100 {
            grouped(whole)
        } else {
            format!("{}.{}", grouped(whole), tenths % 10)
        }
    };
    let most = report.before.counts().iter().chain(report.after.counts()).copied().max().unwrap_or(0);
    let mut legend = vec![Cell::new("none", "", Mood::Heat(0))];
    if most > 0 {
        let ends = scale.iter().skip(1).map(|from| from.saturating_sub(1)).chain([most]);
        let levels = (1u8..)
            .zip(ends)
            .map(|(level, end)| Cell::new(format!("up to {}", weekly(end)), "", Mood::Heat(level)));
        legend.extend(levels);
    }
    let listed = u64::try_from(report.listed.len().min(DRIFTING_SHOWN)).unwrap_or(u64::MAX);
    let more = (report.accepted + report.different).saturating_sub(listed);
    Schedules {
        mood: mood(report),
        lead,
        change: change(report, &weekly),
        before: picture::week(&report.before, &scale, "Backups started by day and hour, before"),
        after: picture::week(&report.after, &scale, "Backups started by day and hour, after"),
        legend,
        caption: format!(
            "Backups started in each hour of the week, on average over the {} weeks to come: one for each volume of each policy \
             that runs by itself. Days and hours are those of {}; {days} days were compared instant by instant.",
            report.weeks, report.clock,
        ),
        drifting: report
            .listed
            .iter()
            .take(DRIFTING_SHOWN)
            .map(|one| Drifting {
                name: shown(&one.name),
                policy_id: shown(&one.policy_id),
                operation: one.operation,
                accepted: one.accepted,
                cause: shown(&one.cause),
                drift: shown(&one.drift.map(|drift| drift.to_string()).unwrap_or_default()),
            })
            .collect(),
        more: (more > 0)
            .then(|| format!("… and {} more: --report FILE.json lists all of them", grouped(more))),
    }
}

/// A drift that touches a quarter of the schedules is no small matter, though the conversion accepts it.
fn mood(report: &ScheduleReport) -> Mood {
    match report.different {
        0 if report.drifts_widely() => Mood::Warn,
        0 => Mood::Good,
        _ => Mood::Bad,
    }
}

/// What becomes of the busiest hour and of the whole.
fn change(report: &ScheduleReport, weekly: &dyn Fn(u64) -> String) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let counts = |week: &WeekHours| -> (u64, Option<(usize, u64)>) {
        let all = week.counts().iter().sum();
        // Of equally busy hours the first.
        let busiest =
            week.counts().iter().copied().enumerate().max_by_key(|(hour, count)| (*count, usize::MAX - hour));
        (all, busiest.filter(|(_, count)| *count > 0))
    };
    let hour =
        |hour: usize| format!("{} {:02}:00", DAYS.get(hour / 24).copied().unwrap_or_default(), hour % 24);
    let ((before, busy), (after, busy_after)) = (counts(&report.before), counts(&report.after));
    match (busy, busy_after) {
        (Some((was, most)), Some((is, most_after))) => format!(
            "Backups started a week: {} before, {} after. Busiest hour: {} with {} before, {} with {} after.",
            weekly(before),
            weekly(after),
            hour(was),
            weekly(most),
            hour(is),
            weekly(most_after),
        ),
        _ => "No policy starts backups by itself.".to_owned(),
    }
}
