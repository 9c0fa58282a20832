//! Identifiers of Karbor rows: kept where Karbor can hold them, derived where not, so that the same dumps always give the
//! same rows.

use crate::karbor::Source;
use sha1::{Digest as _, Sha1};
use uuid::Uuid;

/// The namespace of derived ids (RFC 9562, version 5).
pub const NAMESPACE: Uuid = Uuid::from_u128(0x7483_43b6_5227_5920_b5c3_a8a8_24b4_41d0);

/// A derived id in its 36 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DerivedId([u8; 36]);

impl DerivedId {
    /// The id derived from the parts of a name, which are joined with slashes.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        // One for each copy: hashed part by part, with the processor's own instructions where it has them, which
        // `Uuid::new_v5` does not use.
        let mut hash = Sha1::new_with_prefix(NAMESPACE.as_bytes());
        for (n, part) in parts.iter().enumerate() {
            if n > 0 {
                hash.update(b"/");
            }
            hash.update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        let mut text = [0; 36];
        uuid::Builder::from_sha1_bytes(bytes).into_uuid().hyphenated().encode_lower(&mut text);
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// An id as Karbor holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id<'s> {
    /// As at the source.
    Kept(&'s str),
    /// Derived from it.
    Derived(DerivedId),
}

impl Id<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Kept(id) => id,
            Self::Derived(id) => id.as_str(),
        }
    }
}

/// Whether an id is one that Karbor's columns are made for: a UUID of 36 characters, or 32 hexadecimal digits.
#[must_use]
pub fn is_kept(id: &str) -> bool {
    let hex = |b: u8| b.is_ascii_hexdigit();
    match id.len() {
        32 => id.bytes().all(hex),
        36 => id
            .bytes()
            .enumerate()
            .all(|(n, b)| if matches!(n, 8 | 13 | 18 | 23) { b == b'-' } else { hex(b) }),
        _ => false,
    }
}

/// The id of a plan.
#[must_use]
pub fn plan(source: Source, id: &str) -> Id<'_> {
    if is_kept(id) { Id::Kept(id) } else { Id::Derived(DerivedId::new(&[source.prefix(), "plan", id])) }
}

/// What an operation and the trigger that is its own are made from, by ids at the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKey<'s> {
    /// A policy of VBS.
    Vbs {
        /// The policy.
        policy: &'s str,
        /// The extend row; `None` for the policy's own fields.
        extend: Option<&'s str>,
    },
    /// A policy of DPS.
    Dps {
        /// The plan.
        plan: &'s str,
        /// The policy.
        policy: &'s str,
        /// `backup` or `replication`.
        kind: &'s str,
    },
}

impl OperationKey<'_> {
    /// The trigger's id.
    #[must_use]
    pub fn trigger(self) -> DerivedId {
        self.derive("trigger")
    }

    /// The scheduled operation's id.
    #[must_use]
    pub fn operation(self) -> DerivedId {
        self.derive("operation")
    }

    fn derive(self, what: &str) -> DerivedId {
        match self {
            Self::Vbs { policy, extend } => DerivedId::new(&["vbs", what, policy, extend.unwrap_or("own")]),
            Self::Dps { plan, policy, kind } => DerivedId::new(&["dps", what, plan, policy, kind]),
        }
    }
}

/// The checkpoint id of an item; for DPS of its transaction, else of the item.
#[must_use]
pub fn checkpoint(source: Source, id: &str) -> DerivedId {
    DerivedId::new(&[source.prefix(), "checkpoint", id])
}

/// 128 bits of an id, for sets that need not keep the text.
#[must_use]
pub fn digest(parts: &[&str]) -> u128 {
    use siphasher::sip128::{Hasher128, SipHasher13};
    use std::hash::Hasher as _;
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_karbor_can_hold_are_kept() {
        for (id, kept) in [
            ("4daad27d-864b-47f0-bc0d-8f4e2abcc2ea", true),
            ("4DAAD27D-864B-47F0-BC0D-8F4E2ABCC2EA", true),
            ("40c89b186641d2cb0166a0ccf306068e", true),
            ("1", false),
            ("4daad27d-864b-47f0-bc0d-8f4e2abcc2e", false),
            ("4daad27d+864b-47f0-bc0d-8f4e2abcc2ea", false),
            ("40c89b186641d2cb0166a0ccf306068g", false),
        ] {
            assert_eq!(is_kept(id), kept, "{id}");
        }
    }

    #[test]
    fn derived_ids_are_version_5_of_the_contracts_names() {
        let v5 = |name: &str| Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string();
        assert_eq!(NAMESPACE.to_string(), "748343b6-5227-5920-b5c3-a8a824b441d0");
        assert_eq!(plan(Source::Vbs, "1").as_str(), v5("vbs/plan/1"));
        assert_eq!(plan(Source::Dps, "p").as_str(), v5("dps/plan/p"));
        let own = OperationKey::Vbs { policy: "1", extend: None };
        assert_eq!(own.trigger().as_str(), v5("vbs/trigger/1/own"));
        let extend = OperationKey::Vbs { policy: "1", extend: Some("7") };
        assert_eq!(extend.operation().as_str(), v5("vbs/operation/1/7"));
        let of_dps = |kind| OperationKey::Dps { plan: "p", policy: "q", kind };
        assert_eq!(of_dps("backup").trigger().as_str(), v5("dps/trigger/p/q/backup"));
        assert_eq!(of_dps("replication").operation().as_str(), v5("dps/operation/p/q/replication"));
        assert_eq!(checkpoint(Source::Vbs, "b").as_str(), v5("vbs/checkpoint/b"));
        assert_eq!(checkpoint(Source::Dps, "t").as_str(), v5("dps/checkpoint/t"));
    }

    #[test]
    fn digests_keep_parts_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
    }
}
