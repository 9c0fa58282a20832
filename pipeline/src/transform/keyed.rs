//! The keys by which rows that are held are known.

use parsers::models::{dps, vbs};

/// The keys by which a row of a mended file is known to replace another: its id, else what it joins.
pub(crate) trait Keyed {
    /// Each key in two parts; one with an empty part is no key.
    fn keys(&self) -> [[&str; 2]; 2];

    /// Whether the row can be known by a key.
    fn has_key(&self) -> bool {
        self.keys().iter().any(is_key)
    }
}

/// The key of a row as a text; empty where it has none.
pub(crate) fn key_text<T: Keyed>(row: &T) -> String {
    let [own, joined] = row.keys();
    match (is_key(&own), is_key(&joined)) {
        (true, _) => own[0].to_owned(),
        (false, true) => joined.join("/"),
        (false, false) => String::new(),
    }
}

/// Whether the parts of a key are all there.
pub(crate) fn is_key(parts: &[&str; 2]) -> bool {
    parts.iter().all(|part| !part.is_empty())
}

const NO_KEY: [&str; 2] = ["", ""];

/// A key of one part.
fn id(id: &str) -> [&str; 2] {
    [id, "id"]
}

/// A number that counts only among the rows of one owner: rows of others must not be replaced by it, come what may.
fn owned<'k>(id: Option<&'k str>, owner: &'k str) -> [&'k str; 2] {
    id.map_or(NO_KEY, |id| [id, owner])
}

impl Keyed for vbs::Policy {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for vbs::Extend {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for vbs::Trigger {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for vbs::Relation {
    fn keys(&self) -> [[&str; 2]; 2] {
        [owned(self.id(), self.policy_id()), NO_KEY]
    }
}

impl Keyed for vbs::Resource {
    fn keys(&self) -> [[&str; 2]; 2] {
        [owned(self.id(), self.policy_id()), [self.policy_id(), self.resource_id()]]
    }
}

impl Keyed for vbs::Tag {
    fn keys(&self) -> [[&str; 2]; 2] {
        [owned(self.id(), self.policy_id()), [self.policy_id(), self.key()]]
    }
}

impl Keyed for dps::Plan {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for dps::Object {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for dps::Policy {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for dps::Mapping {
    fn keys(&self) -> [[&str; 2]; 2] {
        [owned(self.id(), self.plan_id()), [self.plan_id(), self.policy_id()]]
    }
}

impl Keyed for dps::Timer {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for dps::CopyCycle {
    fn keys(&self) -> [[&str; 2]; 2] {
        [id(self.id()), NO_KEY]
    }
}

impl Keyed for dps::Spec {
    fn keys(&self) -> [[&str; 2]; 2] {
        [owned(self.id(), self.policy_id()), [self.policy_id(), self.key()]]
    }
}

impl Keyed for dps::Destination {
    fn keys(&self) -> [[&str; 2]; 2] {
        [owned(self.id(), self.policy_id()), NO_KEY]
    }
}
