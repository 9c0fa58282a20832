//! What Cinder's answers say of objects. Versions differ in what they tell; what is not told is absent.

use crate::purge::Kind;
use chrono::NaiveDateTime;
use serde_json::{Map, Value};

/// An object, as a list tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its status, in small letters.
    pub status: String,
    /// Its project, where the list says it.
    pub project: Option<String>,
    /// When it was made, in UTC.
    pub created: Option<NaiveDateTime>,
    /// The copy that it continues, where the list says it.
    pub parent: Option<String>,
    /// The volume that it is of.
    pub volume: String,
    /// The time of its data, by which copies of a volume follow each other.
    pub data_time: Option<NaiveDateTime>,
    /// Whether it holds only what changed since an earlier copy.
    pub incremental: bool,
    /// Whether other copies continue it, where the list says it.
    pub has_dependents: Option<bool>,
}

/// The objects of a page.
pub(super) fn page_of(kind: Kind, body: &[u8]) -> std::result::Result<Vec<Listed>, String> {
    let collection = kind.collection();
    let mut document: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| format!("a list of {collection} is none: {error}"))?;
    match document.remove(collection) {
        Some(Value::Array(members)) => members.iter().map(|member| listed(kind, member)).collect(),
        _ => Err(format!("a list of {collection} has no {collection:?}")),
    }
}

fn listed(kind: Kind, member: &Value) -> std::result::Result<Listed, String> {
    let none = Map::new();
    let member = member.as_object().unwrap_or(&none);
    let id = text(member, "id").filter(|id| is_plain(id));
    let id =
        id.ok_or_else(|| format!("a list of {} holds an object without a proper id", kind.collection()))?;
    let project =
        ["os-backup-project-attr:project_id", "os-extended-snapshot-attributes:project_id", "project_id"];
    Ok(Listed {
        id: id.to_owned(),
        status: text(member, "status").unwrap_or_default().to_ascii_lowercase(),
        project: project.iter().find_map(|name| text(member, name)).map(str::to_owned),
        created: text(member, "created_at").and_then(time),
        parent: text(member, "parent_id").map(str::to_owned),
        volume: text(member, "volume_id").unwrap_or_default().to_owned(),
        data_time: text(member, "data_timestamp").and_then(time),
        incremental: member.get("is_incremental").and_then(Value::as_bool) == Some(true),
        has_dependents: member.get("has_dependent_backups").and_then(Value::as_bool),
    })
}

/// The one object of an answer.
pub(super) fn member_of(kind: Kind, body: &[u8]) -> Option<Map<String, Value>> {
    let mut document: Map<String, Value> = serde_json::from_slice(body).ok()?;
    match document.remove(kind.member()) {
        Some(Value::Object(member)) => Some(member),
        _ => None,
    }
}

/// A member that is a text and not empty.
pub(super) fn text<'m>(member: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    member.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A time as Cinder writes it: `2026-11-25T13:00:00.000000`, in UTC, with or without a zone that says so.
fn time(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()
}

/// Whether an id can stand in a URL as it is.
#[must_use]
pub fn is_plain(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 255
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_what_its_objects_are() {
        let body = br#"{"backups":[{"id":"b1","status":"Available","volume_id":"v","is_incremental":true,
            "has_dependent_backups":false,"created_at":"2026-01-02T03:04:05.000000","parent_id":null,
            "data_timestamp":"2026-01-02T03:04:05Z","os-backup-project-attr:project_id":"p","project_id":"q"}],
            "backups_links":[{"rel":"next","href":"http://elsewhere"}]}"#;
        let page = page_of(Kind::Backup, body).unwrap();
        let made = time("2026-01-02T03:04:05");
        assert!(made.is_some());
        assert_eq!(
            page,
            [Listed {
                id: "b1".into(),
                status: "available".into(),
                project: Some("p".into()),
                created: made,
                parent: None,
                volume: "v".into(),
                data_time: made,
                incremental: true,
                has_dependents: Some(false),
            }]
        );
    }

    #[test]
    fn what_is_no_page_is_told() {
        for (body, expected) in [
            ("<html>", "a list of snapshots is none"),
            (r#"{"backups":[]}"#, "has no \"snapshots\""),
            (r#"{"snapshots":[{"id":"../x"}]}"#, "without a proper id"),
            (r#"{"snapshots":[7]}"#, "without a proper id"),
        ] {
            let error = page_of(Kind::Snapshot, body.as_bytes()).err().unwrap();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }
}
