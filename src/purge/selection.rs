//! What goes: Cinder's objects, held against what was named, what a Karbor target holds, and the further wishes.
//!
//! The lists are read as they come; of a copy that stays only what a chain needs is kept. A copy stays whenever one stays
//! that continues it, for that one would be worth nothing without it.

use super::api::QUESTIONS;
use super::cinder::{Cinder, Listed, Looked};
use super::error::{PurgeError, Result};
use super::journal::{Journal, Past};
use super::limits::Limits;
use super::named::Named;
use super::plan::{Object, Plan};
use super::transport::Transport;
use super::{Count, Kind};
use crate::purge::trouble::Trouble;
use chrono::NaiveDateTime;
use futures_util::StreamExt as _;
use pipeline::karbor::ids::digest;
use pipeline::load::presence::Presence;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use tokio::time::{Instant, timeout_at};

/// What is chosen among Cinder's objects.
#[derive(Debug)]
pub struct Wishes {
    /// The kinds.
    pub what: Vec<Kind>,
    /// The projects; all where there is none.
    pub projects: Vec<String>,
    /// Only objects made before this time, in UTC.
    pub made_before: Option<NaiveDateTime>,
    /// What was named; everything where nothing was.
    pub named: Option<Named>,
    /// What must stay: what a Karbor target holds.
    pub imported: Option<Presence>,
}

/// What is not deleted, and why.
#[derive(Debug, Default, Serialize)]
pub struct Kept {
    /// In the Karbor target.
    pub imported: Count,
    /// A copy that stays continues it.
    pub depended_on: Count,
    /// Of other projects than those named.
    pub other_projects: Count,
    /// The list does not say of which project.
    pub unknown_project: Count,
    /// Younger than was wished, or of unknown age.
    pub young: Count,
    /// Named, but not in the list: gone already, or hidden from this user.
    pub absent: u64,
}

/// What was chosen.
#[derive(Debug)]
pub struct Selection {
    /// What goes.
    pub plan: Plan,
    /// What stays.
    pub kept: Kept,
    /// Objects that an earlier purge sent and that are gone now.
    pub gone_since: u64,
}

/// Lists Cinder's objects and chooses among them; notes in the journal what earlier purges sent and is gone by now.
///
/// # Errors
/// Cinder's, or the journal's.
pub async fn select<T: Transport>(
    cinder: &Cinder<'_, T>,
    wishes: &Wishes,
    past: &Past,
    journal: Option<&Journal>,
    limits: &Limits,
    counted: &dyn Fn(u64),
) -> Result<Selection> {
    let mut choice = Choice::new(wishes, past);
    let mut projects: Vec<Option<&str>> = if wishes.projects.is_empty() {
        vec![None]
    } else {
        wishes.projects.iter().map(|project| Some(project.as_str())).collect()
    };
    // What another list holds without its project is known from that one.
    projects.sort_by_key(|project| !cinder.is_own(*project));
    let deadline = Instant::now() + limits.deadline;
    let mut seen = 0;
    for kind in &wishes.what {
        for project in &projects {
            let mut take = |listed: Listed| {
                seen += 1;
                counted(seen);
                choice.take(*kind, listed);
            };
            let list = cinder.list(*kind, *project, limits, &mut take);
            timeout_at(deadline, list).await.map_err(|_| PurgeError::Cloud {
                service: cinder.root().to_owned(),
                what: format!("the {} were not listed within the deadline", kind.collection()),
                remedy: Some("check Cinder with `openstack volume backup list`, or name a later --deadline"),
            })??;
        }
    }
    let mut gone_since = 0;
    if let Some(journal) = journal {
        let absent = past.open().filter(|(kind, id)| !choice.found(*kind, id));
        let looks = absent.map(|(kind, id)| async move { (kind, id, cinder.look(kind, id).await) });
        let mut looks = futures_util::stream::iter(looks).buffer_unordered(QUESTIONS);
        while let Some((kind, id, looked)) = looks.next().await {
            match looked {
                Ok(Looked::Gone) => {
                    journal.done(kind, id)?;
                    gone_since += 1;
                }
                // Their end stays open, for the next purge to look at.
                Err(Trouble::Unreachable(_) | Trouble::Broken(_)) => break,
                _ => {}
            }
        }
    }
    Ok(choice.finish(gone_since))
}

/// A copy in the list, as far as chains need it.
struct Link {
    /// Its place among the chosen.
    chosen: Option<usize>,
    /// The copy that it continues, by digest, where that is said.
    parent: Option<u128>,
    /// The volume, by digest.
    volume: u128,
    time: Option<NaiveDateTime>,
    incremental: bool,
    has_dependents: Option<bool>,
}

struct Choice<'w> {
    wishes: &'w Wishes,
    past: &'w Past,
    objects: Vec<Object>,
    projects: Vec<String>,
    project_numbers: HashMap<String, usize>,
    /// All listed copies, by digest.
    links: HashMap<u128, Link>,
    /// All listed snapshots, by digest, and whether they are chosen.
    snapshots: HashMap<u128, bool>,
    kept: Kept,
    matched: u64,
}

impl<'w> Choice<'w> {
    fn new(wishes: &'w Wishes, past: &'w Past) -> Self {
        Self {
            wishes,
            past,
            objects: Vec::new(),
            projects: Vec::new(),
            project_numbers: HashMap::new(),
            links: HashMap::new(),
            snapshots: HashMap::new(),
            kept: Kept::default(),
            matched: 0,
        }
    }

    /// Whether an object is among the chosen.
    fn found(&self, kind: Kind, id: &str) -> bool {
        let id = digest(&[id]);
        match kind {
            Kind::Backup => self.links.get(&id).is_some_and(|link| link.chosen.is_some()),
            Kind::Snapshot => self.snapshots.get(&id) == Some(&true),
        }
    }

    fn take(&mut self, kind: Kind, listed: Listed) {
        let id = digest(&[&listed.id]);
        // A server that does not mind the project lists everything for each of them.
        let again = match kind {
            Kind::Backup => self.links.contains_key(&id),
            Kind::Snapshot => self.snapshots.contains_key(&id),
        };
        if again {
            return;
        }
        let chosen = self.wants(kind, &listed).then(|| self.choose(kind, &listed));
        match kind {
            Kind::Backup => {
                let said = listed.parent.as_deref().map(|parent| digest(&[parent]));
                let named = || self.wishes.named.as_ref().and_then(|named| named.parent(&listed.id));
                let link = Link {
                    chosen,
                    parent: said.or_else(named),
                    volume: digest(&[&listed.volume]),
                    time: listed.data_time.or(listed.created),
                    incremental: listed.incremental,
                    has_dependents: listed.has_dependents,
                };
                self.links.insert(id, link);
            }
            Kind::Snapshot => drop(self.snapshots.insert(id, chosen.is_some())),
        }
    }

    fn wants(&mut self, kind: Kind, listed: &Listed) -> bool {
        let Wishes { projects, made_before, named, imported, .. } = self.wishes;
        if named.as_ref().is_some_and(|named| !named.contains(kind, &listed.id)) {
            return false;
        }
        self.matched += 1;
        let held = |imported: &Presence| match kind {
            Kind::Backup => imported.copies.contains(&listed.id),
            Kind::Snapshot => imported.snapshots.contains(&listed.id),
        };
        let young = made_before.is_some_and(|limit| listed.created.is_none_or(|made| made >= limit));
        let kept = &mut self.kept;
        let reason = if imported.as_ref().is_some_and(held) {
            &mut kept.imported
        } else if !projects.is_empty() && listed.project.is_none() {
            &mut kept.unknown_project
        } else if !projects.is_empty()
            && listed.project.as_ref().is_some_and(|project| !projects.contains(project))
        {
            &mut kept.other_projects
        } else if young {
            &mut kept.young
        } else {
            return true;
        };
        reason.add(kind);
        false
    }

    fn choose(&mut self, kind: Kind, listed: &Listed) -> usize {
        let name = listed.project.clone().unwrap_or_default();
        let next = self.projects.len();
        let project = *self.project_numbers.entry(name.clone()).or_insert(next);
        if project == next {
            self.projects.push(name);
        }
        self.objects.push(Object {
            kind,
            id: listed.id.as_str().into(),
            project,
            parent: None,
            deleting: listed.status == "deleting",
            tries: self.past.tries(kind, &listed.id),
        });
        self.objects.len() - 1
    }

    fn finish(mut self, gone_since: u64) -> Selection {
        self.infer_parents();
        self.keep_what_is_depended_on();
        let parents: Vec<(usize, usize)> = self
            .links
            .values()
            .filter_map(|link| Some((link.chosen?, self.links.get(&link.parent?)?.chosen?)))
            .collect();
        for (child, parent) in parents {
            self.objects[child].parent = Some(parent);
        }
        let staying: Vec<usize> = self
            .objects
            .iter()
            .enumerate()
            .filter(|(_, object)| object.id.is_empty())
            .map(|(n, _)| n)
            .collect();
        let mut kept = self.kept;
        kept.absent = match &self.wishes.named {
            Some(named) => named.count(&self.wishes.what).saturating_sub(self.matched),
            None => 0,
        };
        let plan = Plan::new(without(self.objects, &staying), self.projects);
        Selection { plan, kept, gone_since }
    }

    /// Where nobody says which copy an incremental one continues, it is the latest before it of its volume that has
    /// dependents: so Cinder chooses it.
    fn infer_parents(&mut self) {
        let unknown = |link: &&Link| link.incremental && link.parent.is_none();
        let volumes: HashSet<u128> = self.links.values().filter(unknown).map(|link| link.volume).collect();
        if volumes.is_empty() {
            return;
        }
        let mut by_volume: HashMap<u128, Vec<(Option<NaiveDateTime>, u128)>> = HashMap::new();
        for (id, link) in &self.links {
            if volumes.contains(&link.volume) {
                by_volume.entry(link.volume).or_default().push((link.time, *id));
            }
        }
        for mut copies in by_volume.into_values() {
            copies.sort_unstable();
            let mut latest: Option<u128> = None;
            for (_, id) in copies {
                let Some(link) = self.links.get_mut(&id) else { continue };
                if link.incremental && link.parent.is_none() {
                    link.parent = latest;
                }
                if link.has_dependents != Some(false) {
                    latest = Some(id);
                }
            }
        }
    }

    /// Takes out of the choice what a copy continues that stays, all the way up.
    fn keep_what_is_depended_on(&mut self) {
        let staying = self.links.values().filter(|link| link.chosen.is_none());
        let mut needed: Vec<u128> = staying.filter_map(|link| link.parent).collect();
        while let Some(id) = needed.pop() {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if let Some(object) = link.chosen.take().and_then(|index| self.objects.get_mut(index)) {
                self.kept.depended_on.add(object.kind);
                // What has no id is left out of the plan.
                object.id = "".into();
                needed.extend(link.parent);
            }
        }
    }
}

/// The objects without those at the places in `out`, which are sorted; parents are counted anew.
fn without(objects: Vec<Object>, out: &[usize]) -> Vec<Object> {
    let place = |index: usize| index - out.partition_point(|gone| *gone < index);
    let staying = objects.into_iter().enumerate().filter(|(index, _)| out.binary_search(index).is_err());
    staying.map(|(_, object)| Object { parent: object.parent.map(place), ..object }).collect()
}
