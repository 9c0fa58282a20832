//! The JSON texts in Karbor's rows: written compactly, with the keys in the contract's order.

use parsers::json::plain_length;

/// Appends a JSON string.
pub fn string(text: &str, out: &mut String) {
    out.push('"');
    let plain = plain_length(text.as_bytes());
    if plain == text.len() {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' => {
                    let code = u32::from(c);
                    out.push_str("\\u00");
                    for digit in [code >> 4, code & 15] {
                        out.push(char::from_digit(digit, 16).unwrap_or('0'));
                    }
                }
                c => out.push(c),
            }
        }
    }
    out.push('"');
}

/// Writes a JSON object, key by key.
pub struct Object<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Object<'o> {
    /// Opens an object at the end of `out`.
    #[must_use]
    pub fn open(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Writes a key; its value is written to what this answers.
    pub fn key(&mut self, key: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        string(key, self.out);
        self.out.push(':');
        self.out
    }

    /// A member that is a string.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        string(value, self.key(key));
        self
    }

    /// A member that is written as it stands: a number, a boolean, an empty list.
    pub fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).push_str(value);
        self
    }

    /// Closes the object.
    pub fn close(self) {
        self.out.push('}');
    }
}

/// How long copies are kept: `rentention_num` and `rentention_day` of VBS, `retention_num` and `retention_day` of DPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// So many copies.
    Copies(i64),
    /// So many days.
    Days(i64),
    /// For good.
    Forever,
}

impl Retention {
    /// The number of copies wins over the days; neither means for good.
    #[must_use]
    pub fn new(copies: Option<i64>, days: Option<i64>) -> Self {
        match (copies, days) {
            (Some(copies), _) if copies > 0 => Self::Copies(copies),
            (_, Some(days)) if days > 0 => Self::Days(days),
            _ => Self::Forever,
        }
    }
}

/// The members of an operation_definition beside provider, plan and retention.
#[derive(Clone, Copy, Debug, Default)]
pub struct Definition<'v> {
    /// The first copy of a month is kept for that month.
    pub keep_first: bool,
    /// The site that copies go to.
    pub destination_region: Option<&'v str>,
    /// Its id.
    pub destination_id: Option<&'v str>,
}

/// Appends an operation_definition: a flat object of strings, as Karbor's object layer demands.
pub fn definition(
    provider: &str,
    plan: &str,
    retention: Retention,
    more: Definition<'_>,
    specs: &[(&str, &str)],
    out: &mut String,
) {
    let (mut copies, mut days) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (copies, days, forever) = match retention {
        Retention::Copies(n) => (copies.format(n), "-1", "false"),
        Retention::Days(n) => ("-1", days.format(n), "false"),
        Retention::Forever => ("-1", "-1", "true"),
    };
    let mut object = Object::open(out);
    object.text("provider_id", provider).text("plan_id", plan);
    object.text("max_backups", copies).text("retention_duration_days", days).text("permanent", forever);
    if more.keep_first {
        object.text("remain_first_backup_of_cur_month", "true");
    }
    if let Some(region) = more.destination_region {
        object.text("destination_region", region);
    }
    if let Some(id) = more.destination_id {
        object.text("destination_id", id);
    }
    for (key, value) in specs {
        object.text(&format!("spec.{key}"), value);
    }
    object.close();
}

/// Appends a trigger's properties: a flat object of strings.
pub fn properties(pattern: &str, format: &str, out: &mut String) {
    let mut object = Object::open(out);
    object
        .text("pattern", pattern)
        .text("start_time", schedules::icalendar::start::START_TIME)
        .text("format", format);
    object.close();
}

/// Appends a plan's parameters, with its tags sorted by key.
pub fn parameters(tags: &[(&str, &str)], out: &mut String) {
    let mut object = Object::open(out);
    object.raw("common", "{}");
    if !tags.is_empty() {
        let mut inner = Object::open(object.key("tags"));
        for (key, value) in tags {
            inner.text(key, value);
        }
        inner.close();
    }
    object.close();
}

/// Appends a resource's resource_extra_info.
pub fn extra_info(availability_zone: Option<&str>, out: &mut String) {
    let mut object = Object::open(out);
    if let Some(zone) = availability_zone {
        object.text("availability_zone", zone);
    }
    object.close();
}

/// What an item's extend_info says. Numbers are their digits.
#[derive(Clone, Copy, Debug)]
pub struct ExtendInfo<'v> {
    /// The item's id, which is the copy's.
    pub id: &'v str,
    /// The copy's name.
    pub name: &'v str,
    /// The status that the item has.
    pub status: &'v str,
    /// Made by a policy.
    pub auto_trigger: bool,
    /// MB/s.
    pub average_speed: &'v str,
    /// Of a boot disk.
    pub bootable: bool,
    /// Why it failed.
    pub fail_reason: &'v str,
    /// A copy from another site.
    pub replication: bool,
    /// Holds only what changed.
    pub incremental: bool,
    /// 0 to 100.
    pub progress: &'v str,
    /// The volume's availability zone.
    pub resource_az: &'v str,
    /// The volume's id.
    pub volume_id: &'v str,
    /// The copy's size in MB.
    pub size: &'v str,
    /// snapshot_id.
    pub snapshot_id: &'v str,
    /// space_saving_ratio.
    pub space_saving_ratio: &'v str,
    /// The job's id.
    pub task_id: &'v str,
    /// The volume's size in GB.
    pub volume_size: &'v str,
}

/// Appends an item's extend_info. This runs once for every copy, so that what is the same in all of them stands here as
/// text.
pub fn extend_info(info: &ExtendInfo<'_>, out: &mut String) {
    let boolean = |value: bool| if value { "true" } else { "false" };
    let image_type = if info.replication { "replication" } else { "backup" };
    out.push_str(r#"{"auto_trigger":"#);
    out.push_str(boolean(info.auto_trigger));
    out.push_str(r#","average_speed":"#);
    out.push_str(info.average_speed);
    out.push_str(r#","bootable":"#);
    out.push_str(boolean(info.bootable));
    out.push_str(r#","copy_from":"","copy_status":"na","fail_code":{},"fail_op":"","fail_reason":"#);
    string(info.fail_reason, out);
    out.push_str(r#","image_type":""#);
    out.push_str(image_type);
    out.push_str(r#"","incremental":"#);
    out.push_str(boolean(info.incremental));
    out.push_str(r#","progress":"#);
    out.push_str(info.progress);
    out.push_str(r#","resource_az":"#);
    string(info.resource_az, out);
    out.push_str(r#","resource_name":"#);
    // What stands there several times is looked at once.
    let volume_id = written(out, |out| string(info.volume_id, out));
    out.push_str(r#","resource_type":"OS::Cinder::Volume","size":"#);
    out.push_str(info.size);
    out.push_str(r#","snapshot_id":"#);
    let snapshot_id = written(out, |out| string(info.snapshot_id, out));
    out.push_str(r#","space_saving_ratio":"#);
    out.push_str(info.space_saving_ratio);
    out.push_str(r#","supported_restore_mode":"backup","support_lld":false,"taskid":"#);
    string(info.task_id, out);
    out.push_str(r#","os_images_data":[],"volume_backups":[{"id":"#);
    string(info.id, out);
    out.push_str(r#","name":"#);
    string(info.name, out);
    out.push_str(r#","status":"#);
    string(info.status, out);
    out.push_str(r#","bootable":"#);
    out.push_str(boolean(info.bootable));
    out.push_str(r#","incremental":"#);
    out.push_str(boolean(info.incremental));
    out.push_str(r#","image_type":""#);
    out.push_str(image_type);
    out.push_str(r#"","average_speed":"#);
    out.push_str(info.average_speed);
    out.push_str(r#","size":"#);
    out.push_str(info.size);
    out.push_str(r#","snapshot_id":"#);
    out.extend_from_within(snapshot_id);
    out.push_str(r#","source_volume_id":"#);
    out.extend_from_within(volume_id.clone());
    out.push_str(r#","source_volume_name":"#);
    out.extend_from_within(volume_id);
    out.push_str(r#","source_volume_size":"#);
    out.push_str(info.volume_size);
    out.push_str(r#","space_saving_ratio":"#);
    out.push_str(info.space_saving_ratio);
    out.push_str("}]}");
}

/// Where in `out` stands what `write` appends.
fn written(out: &mut String, write: impl FnOnce(&mut String)) -> std::ops::Range<usize> {
    let start = out.len();
    write(out);
    start..out.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn parameters_hold_sorted_tags_only_where_there_are_any() {
        assert_eq!(text_of(|out| parameters(&[], out)), r#"{"common":{}}"#);
        assert_eq!(
            text_of(|out| parameters(&[("a", "1"), ("b\"", "云")], out)),
            r#"{"common":{},"tags":{"a":"1","b\"":"云"}}"#
        );
    }

    #[test]
    fn retention_is_copies_then_days_then_for_good() {
        for (copies, days, expected) in [
            (Some(14), Some(30), Retention::Copies(14)),
            (Some(0), Some(30), Retention::Days(30)),
            (None, Some(30), Retention::Days(30)),
            (None, None, Retention::Forever),
            (Some(-1), Some(0), Retention::Forever),
        ] {
            assert_eq!(Retention::new(copies, days), expected);
        }
    }

    #[test]
    fn definitions_are_flat_strings_in_order() {
        let more = Definition { keep_first: true, destination_region: Some("r"), destination_id: Some("i") };
        assert_eq!(
            text_of(|out| definition("pr", "pl", Retention::Copies(14), more, &[("a", "1")], out)),
            r#"{"provider_id":"pr","plan_id":"pl","max_backups":"14","retention_duration_days":"-1","permanent":"false","remain_first_backup_of_cur_month":"true","destination_region":"r","destination_id":"i","spec.a":"1"}"#
        );
        assert_eq!(
            text_of(|out| definition("pr", "pl", Retention::Forever, Definition::default(), &[], out)),
            r#"{"provider_id":"pr","plan_id":"pl","max_backups":"-1","retention_duration_days":"-1","permanent":"true"}"#
        );
    }

    #[test]
    fn extend_info_holds_every_key_in_the_contracts_order() {
        let info = ExtendInfo {
            id: "b1",
            name: "autobk_1",
            status: "available",
            auto_trigger: true,
            average_speed: "1.2",
            bootable: true,
            fail_reason: "",
            replication: false,
            incremental: true,
            progress: "100",
            resource_az: "az1",
            volume_id: "v1",
            size: "642",
            snapshot_id: "s1",
            space_saving_ratio: "90",
            task_id: "t1",
            volume_size: "50",
        };
        assert_eq!(
            text_of(|out| extend_info(&info, out)),
            concat!(
                r#"{"auto_trigger":true,"average_speed":1.2,"bootable":true,"copy_from":"","copy_status":"na","fail_code":{},"#,
                r#""fail_op":"","fail_reason":"","image_type":"backup","incremental":true,"progress":100,"resource_az":"az1","#,
                r#""resource_name":"v1","resource_type":"OS::Cinder::Volume","size":642,"snapshot_id":"s1","#,
                r#""space_saving_ratio":90,"supported_restore_mode":"backup","support_lld":false,"taskid":"t1","#,
                r#""os_images_data":[],"volume_backups":[{"id":"b1","name":"autobk_1","status":"available","bootable":true,"#,
                r#""incremental":true,"image_type":"backup","average_speed":1.2,"size":642,"snapshot_id":"s1","#,
                r#""source_volume_id":"v1","source_volume_name":"v1","source_volume_size":50,"space_saving_ratio":90}]}"#
            )
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_json_string_that_reads_back(text in any::<String>()) {
            let json = text_of(|out| string(&text, out));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
