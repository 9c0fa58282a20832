//! Cinder v3, as far as a purge needs it: listing with paging, looking at one object, deleting it.
//!
//! Sources: the Block Storage API reference, v3, "Backups" and "Snapshots". What an answer lacks is absent here, too:
//! versions differ in what they tell.

pub mod answers;
mod refusal;

pub use answers::Listed;
pub use refusal::{Class, Refusal};

use self::answers::{member_of, page_of, text};
use super::Kind;
use super::api::Api;
use super::error::{PurgeError, Result};
use super::keystone::Token;
use super::limits::Limits;
use super::transport::{Answer, Method, Transport};
use crate::base::number::grouped;
use crate::purge::trouble::Trouble;
use pipeline::karbor::ids::digest;
use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use tokio::time::sleep;

/// Since this version a backup says its project; older ones are listed without.
const VERSION: &str = "volume 3.18";

/// Objects asked for at a time. Cinder answers fewer where its own limit is lower.
const PAGE: usize = 1000;

/// How often a page is asked for that cannot be had.
const PAGE_TRIES: u32 = 5;

/// Cinder, at one endpoint.
pub struct Cinder<'a, T> {
    api: &'a Api<T>,
    endpoint: String,
    /// The project that the token is for.
    project: Option<String>,
    /// Whether the endpoint takes [`VERSION`].
    versioned: Cell<bool>,
}

/// What a GET of one object returned.
#[derive(Debug)]
pub enum Looked {
    /// Cinder says that it does not exist.
    Gone,
    /// It exists.
    There {
        /// Its status, in small letters.
        status: String,
        /// Why it failed, as Cinder says.
        fail_reason: Option<String>,
        /// The id of the request that told this.
        request_id: Option<String>,
    },
    /// Neither is known.
    Refused(Refusal),
}

/// What a request to delete returned. That the object is gone is only known by looking at it.
#[derive(Debug)]
pub enum Reply {
    /// The deletion has begun.
    Accepted,
    /// Nothing was begun, as far as the answer says.
    Refused(Refusal),
}

impl<'a, T: Transport> Cinder<'a, T> {
    /// Cinder at `endpoint`, which ends with the project, with tokens of `project`.
    #[must_use]
    pub fn new(api: &'a Api<T>, endpoint: String, project: Option<String>) -> Self {
        Self { api, endpoint, project, versioned: Cell::new(true) }
    }

    /// The endpoint without the project, which is the same for all users of a cloud.
    #[must_use]
    pub fn root(&self) -> &str {
        match self.endpoint.find("/v3/") {
            Some(at) => self.endpoint.get(..at + 3).unwrap_or(&self.endpoint),
            None => &self.endpoint,
        }
    }

    /// Whether a project is the one that the token is for.
    #[must_use]
    pub fn is_own(&self, project: Option<&str>) -> bool {
        project.is_some() && project == self.project.as_deref()
    }

    fn url(&self, kind: Kind, rest: &str) -> String {
        format!("{}/{}/{rest}", self.endpoint, kind.collection())
    }

    /// Lists all objects of a kind, of one project or of all, and hands on each of them once.
    ///
    /// What is listed without `all_tenants` is of the token's own project, whoever asks and whether or not the list says
    /// the project (`get_all` in `cinder/backup/api.py`): so the token's own project is listed.
    ///
    /// # Errors
    /// A page cannot be had, or is none; or there is no end of pages.
    pub async fn list(
        &self,
        kind: Kind,
        project: Option<&str>,
        limits: &Limits,
        take: &mut dyn FnMut(Listed),
    ) -> Result<()> {
        let own = project.filter(|project| self.is_own(Some(project)));
        let query = match (own, project) {
            (Some(_), _) => String::new(),
            (None, Some(project)) => format!("&all_tenants=1&project_id={project}"),
            (None, None) => "&all_tenants=1".to_owned(),
        };
        let list = self.url(kind, &format!("detail?limit={PAGE}{query}"));
        let mut seen: HashSet<u128> = HashSet::new();
        // The ids of the last page: the next one begins behind the last of them that still exists.
        let mut markers: Vec<String> = Vec::new();
        loop {
            let marker = markers.last().map(String::as_str);
            let url = marker.map_or_else(|| list.clone(), |marker| format!("{list}&marker={marker}"));
            let answer = self.page(kind, &url, limits).await?;
            let unknown = marker.is_some_and(|marker| answer.status == 400 || answer.says_absent(marker));
            if unknown && markers.pop().is_some() && !markers.is_empty() {
                continue;
            }
            if !answer.is_success() {
                return Err(self.wrong(format!(
                    "{} cannot be listed ({})",
                    kind.collection(),
                    answer.fault()
                )));
            }
            let page = page_of(kind, &answer.body).map_err(|what| self.wrong(what))?;
            // Not every version says whether there are more: only a page with nothing new is the last.
            let before = seen.len();
            markers.clear();
            for mut listed in page {
                markers.push(listed.id.clone());
                listed.project = listed.project.or_else(|| own.map(str::to_owned));
                if seen.insert(digest(&[&listed.id])) {
                    take(listed);
                }
            }
            if seen.len() == before {
                return Ok(());
            }
            if seen.len() > limits.listed {
                let most = grouped(u64::try_from(limits.listed).unwrap_or(u64::MAX));
                let what =
                    format!("more than {most} {} are listed: their list has no end", kind.collection());
                let remedy = Some(
                    "look at what stands in front of Cinder; if there are so many, divide them with --project",
                );
                return Err(PurgeError::Cloud { service: self.root().to_owned(), what, remedy });
            }
        }
    }

    /// One page, however often it must be asked for.
    async fn page(&self, kind: Kind, url: &str, limits: &Limits) -> Result<Answer> {
        let mut tries = 0;
        loop {
            self.api.pace.clear().await;
            let version = self.versioned.get().then_some(VERSION);
            let problem = match self.api.send(Method::Get, url.to_owned(), version, None).await {
                Ok(answer) if answer.status == 406 && version.is_some() => {
                    self.versioned.set(false);
                    continue;
                }
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) => {
                    let refusal = Refusal::of(&answer, None);
                    match refusal.class {
                        Class::Throttled(wait) => self.api.pace.pause(wait),
                        Class::Outage | Class::Passing if answer.status >= 500 => {}
                        _ => return Ok(answer),
                    }
                    refusal.reason
                }
                Err(Trouble::Expired) => "the token is refused".to_owned(),
                Err(Trouble::Unreachable(reason) | Trouble::Broken(reason)) => reason,
                Err(Trouble::Denied(error)) => return Err(error),
            };
            tries += 1;
            if tries >= PAGE_TRIES {
                return Err(self.wrong(format!("{} cannot be listed: {problem}", kind.collection())));
            }
            tracing::warn!("listing {}: {problem}; trying again", kind.collection());
            sleep(limits.wait(tries)).await;
        }
    }

    fn wrong(&self, what: String) -> PurgeError {
        let remedy = Some("see that Cinder answers (`openstack volume backup list`), and run again");
        PurgeError::Cloud { service: self.root().to_owned(), what, remedy }
    }

    /// Asks for one object.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn look(&self, kind: Kind, id: &str) -> std::result::Result<Looked, Trouble> {
        let answer = self.api.send(Method::Get, self.url(kind, id), None, None).await?;
        if answer.says_absent(id) {
            return Ok(Looked::Gone);
        }
        let member = answer.is_success().then(|| member_of(kind, &answer.body)).flatten();
        Ok(match member {
            Some(member) => Looked::There {
                status: text(&member, "status").unwrap_or_default().to_ascii_lowercase(),
                fail_reason: text(&member, "fail_reason").map(str::to_owned),
                request_id: answer.request_id,
            },
            None => {
                let refusal = Refusal::of(&answer, None);
                // Whatever is down, Cinder reads an object from its database: no other 404 is a GET's.
                let class = if answer.status == 404 { Class::Foreign } else { refusal.class };
                Looked::Refused(Refusal { class, ..refusal })
            }
        })
    }

    /// Asks for one object to be deleted, with the token of its turn.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn delete(
        &self,
        token: Rc<Token>,
        kind: Kind,
        id: &str,
    ) -> std::result::Result<Reply, Trouble> {
        let answer = self.api.send_with(token, Method::Delete, self.url(kind, id), None, None).await?;
        Ok(if answer.is_success() { Reply::Accepted } else { Reply::Refused(Refusal::of(&answer, Some(id))) })
    }

    /// Sets the status of an object whose deletion failed to one from which it can be deleted again. Only an
    /// administrator may.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn reset(&self, kind: Kind, id: &str) -> std::result::Result<Option<Refusal>, Trouble> {
        let body = r#"{"os-reset_status":{"status":"error"}}"#.to_owned();
        let url = self.url(kind, &format!("{id}/action"));
        let answer = self.api.send(Method::Post, url, None, Some(body)).await?;
        Ok(if answer.is_success() { None } else { Some(Refusal::of(&answer, Some(id))) })
    }
}
