//! Schedules from columns: refused by name, or the same when written plainly and read again.

use schedules::schedule::Schedule;
use schedules::schedule::times::Days;
use schedules::zone::{Offset, Zone};

/// Columns on lines of their own: times, interval, days of the week, zone, frequency type. A value that is not there is an
/// empty line.
///
/// # Panics
/// What is read does not read the same once it is written again, or local times do not come back from UTC.
pub fn schedule(bytes: &[u8]) {
    let Some(columns) = columns(bytes) else { return };
    let [times, frequency, weekdays, zone, kind] = columns;
    let interval = frequency.and_then(|text| text.parse().ok());
    let timer = Schedule::from_timer(kind, interval, weekdays, times);
    let fields = Schedule::from_fields(times, interval, weekdays);
    for read in [timer, fields] {
        match read {
            Ok(schedule) => {
                check_again(&schedule);
                if let Some(Ok(Zone::Fixed(offset))) = zone.map(Zone::parse) {
                    check_local(&schedule, offset);
                }
            }
            Err(error) => {
                let said = error.to_string();
                assert!(!said.is_empty() && said.chars().count() < 1_000, "{said}");
                assert!(!said.chars().any(char::is_control), "{said:?}");
            }
        }
    }
}

/// The lines of a case, as columns.
pub(crate) fn columns(bytes: &[u8]) -> Option<[Option<&str>; 5]> {
    let mut lines = std::str::from_utf8(bytes).ok()?.split('\n');
    Some([(); 5].map(|()| lines.next().filter(|line| !line.is_empty())))
}

fn check_again(schedule: &Schedule) {
    let times: Vec<String> = schedule.times().iter().map(ToString::to_string).collect();
    assert!(!times.is_empty() && times.is_sorted(), "{times:?}");
    let times = times.join(",");
    let again = match schedule.days() {
        Days::EveryNDays(n) => Schedule::from_fields(Some(&times), Some(n.get().into()), None),
        Days::Weekdays(days) => {
            let days = days.iter().map(|day| day.to_string()).collect::<Vec<_>>().join(";");
            Schedule::from_timer(Some("week"), None, Some(&days), Some(&times))
        }
    };
    assert_eq!(again.as_ref(), Ok(schedule), "{times}");
}

/// Local times are turned to UTC and back.
fn check_local(schedule: &Schedule, offset: Offset) {
    let utc = schedule.local_to_utc(offset);
    assert_eq!(utc.days(), schedule.days());
    let back: Vec<i16> = utc.times().iter().map(|time| time.plus(offset.minutes()).1.minutes()).collect();
    let mut back = back;
    back.sort_unstable();
    let local: Vec<i16> = schedule.times().iter().map(|time| time.minutes()).collect();
    assert_eq!(back, local, "{offset}");
}
