//! A node's time zone, from what the node says: its name where one is known, else how far its clock is from UTC now.

use schedules::zone::Zone;

/// The zone in the form of `server_timezone`. An offset says nothing of summer time, so a name goes first.
pub(crate) fn of_node(
    localtime: &Option<String>,
    timezone: &Option<String>,
    offset: &Option<String>,
) -> Option<String> {
    let linked = localtime.as_deref().and_then(|link| link.split_once("zoneinfo/")).map(|(_, name)| name);
    let linked = linked.map(|name| name.trim_start_matches("posix/").trim_start_matches("right/"));
    let named = [linked, timezone.as_deref().map(str::trim)].into_iter().flatten();
    let named =
        named.filter(|name| name.contains('/') && Zone::parse(name).is_ok()).map(str::to_owned).next();
    named.or_else(|| {
        let offset = offset.as_deref()?.trim();
        let (hours, minutes) = offset.split_at_checked(3).filter(|(_, minutes)| minutes.len() == 2)?;
        let zone = format!("UTC{hours}:{minutes}");
        Zone::parse(&zone).is_ok().then_some(zone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_an_offset() {
        let check = |localtime: &str, timezone: &str, offset: &str, expected: Option<&str>| {
            let some = |text: &str| Some(text.to_owned());
            let found = of_node(&some(localtime), &some(timezone), &some(offset));
            assert_eq!(found.as_deref(), expected, "{localtime} {timezone} {offset}");
        };
        check("/usr/share/zoneinfo/Asia/Shanghai", "", "+0800", Some("Asia/Shanghai"));
        check("../usr/share/zoneinfo/posix/Europe/Berlin", "", "+0200", Some("Europe/Berlin"));
        check("", "Asia/Shanghai", "+0800", Some("Asia/Shanghai"));
        check("", "", "+0530", Some("UTC+05:30"));
        check("/usr/share/zoneinfo/Mars/Base", "nonsense", "-0300", Some("UTC-03:00"));
        check("", "", "", None);
        assert_eq!(of_node(&None, &None, &None), None);
    }
}
