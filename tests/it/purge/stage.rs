//! A cloud without sockets under the clock of the test, and purges of it.

use etl::base::stop::Stop;
use etl::purge::Kind;
use etl::purge::api::Api;
use etl::purge::cinder::Cinder;
use etl::purge::credentials::{Credentials, Named as Principal, User};
use etl::purge::engine::{Disposition, Engine, Outcome};
use etl::purge::error::PurgeError;
use etl::purge::gauge::ProgressState;
use etl::purge::journal::Journal;
use etl::purge::keystone::Wanted;
use etl::purge::limits::Limits;
use etl::purge::pace::Pace;
use etl::purge::plan::Plan;
use etl::purge::selection::{Kept, Selection, Wishes, select};
use etl::purge::transport::{Answer, Lost, Method, Request, Transport};
use fixtures::openstack::{self, Cloud, Entry, Reaction, Record, Settings, Thing};
use secrecy::ExposeSecret as _;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A cloud, and the folder of a journal.
pub(super) struct Stage {
    cloud: Rc<RefCell<Cloud>>,
    started: Instant,
    folder: TempDir,
}

/// What a purge came to.
pub(super) struct Purged {
    pub(super) plan: Plan,
    pub(super) kept: Kept,
    pub(super) gone_since: u64,
    pub(super) earlier: u64,
    pub(super) outcome: Outcome,
}

/// Carries requests to the cloud.
#[derive(Clone)]
struct Wire {
    cloud: Rc<RefCell<Cloud>>,
    started: Instant,
}

impl Transport for Wire {
    async fn exchange(&self, request: Request) -> Result<Answer, Lost> {
        let sent = openstack::Request {
            method: match request.method {
                Method::Get => openstack::Method::Get,
                Method::Post => openstack::Method::Post,
                Method::Delete => openstack::Method::Delete,
            },
            path: request.url.strip_prefix("http://cloud").unwrap().to_owned(),
            token: request.token.map(|token| token.expose_secret().to_owned()),
            version: request.version.map(str::to_owned),
            body: request.body.map(|body| body.expose_secret().as_bytes().to_vec()).unwrap_or_default(),
        };
        let transit = self.cloud.borrow_mut().transit();
        sleep(transit).await;
        let reaction = self.cloud.borrow_mut().answer(self.started.elapsed(), &sent);
        match reaction {
            Reaction::Unreachable => Err(Lost::Unreachable("connection refused".to_owned())),
            Reaction::Cut(after) => {
                sleep(after).await;
                Err(Lost::Broken("connection closed before message completed".to_owned()))
            }
            Reaction::Answer(after, response) => {
                sleep(after).await;
                let header = |name: &str| {
                    let found = response.headers.iter().find(|(known, _)| *known == name);
                    found.map(|(_, value)| value.clone())
                };
                Ok(Answer {
                    status: response.status,
                    subject_token: header("X-Subject-Token").map(Into::into),
                    request_id: header("x-openstack-request-id"),
                    retry_after: header("Retry-After"),
                    date: header("Date"),
                    body: response.body.clone().into_bytes(),
                })
            }
        }
    }
}

/// All that is there, of both kinds.
pub(super) fn everything() -> Wishes {
    let what = Kind::ALL.to_vec();
    Wishes { what, projects: Vec::new(), made_before: None, named: None, imported: None }
}

impl Stage {
    pub(super) fn new(settings: Settings, things: impl IntoIterator<Item = Thing>) -> Self {
        let mut cloud = Cloud::new(settings);
        things.into_iter().for_each(|thing| cloud.add(thing));
        // In memory: thousands of writes to a disk would only wait for it.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.unwrap();
        Self { cloud: Rc::new(RefCell::new(cloud)), started: Instant::now(), folder }
    }

    pub(super) fn cloud(&self) -> std::cell::RefMut<'_, Cloud> {
        self.cloud.borrow_mut()
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// The ids of what is still there.
    pub(super) fn there(&self) -> Vec<String> {
        let mut there = self.cloud().there(self.started.elapsed());
        there.sort();
        there
    }

    /// What was sent so far.
    pub(super) fn record(&self) -> Record {
        self.cloud().record().clone()
    }

    /// Purges everything.
    pub(super) async fn purge(&self, limits: &Limits) -> Purged {
        self.purge_until(&everything(), limits, &Stop::default()).await.unwrap()
    }

    pub(super) async fn purge_until(
        &self,
        wishes: &Wishes,
        limits: &Limits,
        stop: &Stop,
    ) -> Result<Purged, PurgeError> {
        let name = |name: &str| Principal::Name(name.to_owned());
        let user = User::Password {
            user: name("admin"),
            domain: None,
            project: name("service"),
            project_domain: None,
            password: Some("correct horse".into()),
        };
        let credentials = Credentials { auth_url: "http://cloud/v3".to_owned(), user };
        let wire = Wire { cloud: Rc::clone(&self.cloud), started: self.started };
        let api = Api::new(wire, credentials, Pace::new(limits.burst, limits.burst_every));
        let token = api.token().await.unwrap();
        let wanted = Wanted { endpoint: None, interface: "public".to_owned(), region: None };
        let endpoint = token.endpoint(&wanted, api.identity())?;
        let cinder = Cinder::new(&api, endpoint, token.project.clone());
        let (journal, past) = Journal::open(&self.journal(), pipeline::files::place::Foreign::Refuse)?;
        journal.begin(&past, cinder.root())?;
        let selection = select(&cinder, wishes, &past, Some(&journal), limits, &|_| {}).await?;
        let Selection { plan, kept, gone_since } = selection;
        let gauge = ProgressState::default();
        let engine = Engine { api: &api, cinder: &cinder, journal: &journal, limits, gauge: &gauge, stop };
        let outcome = engine.run(&plan).await;
        let now = gauge.now();
        let under_way =
            outcome.dispositions.iter().filter(|disposition| **disposition == Disposition::UnderWay).count();
        assert_eq!(now.in_flight, u64::try_from(under_way).unwrap());
        Ok(Purged { plan, kept, gone_since, earlier: past.done, outcome })
    }
}

impl Purged {
    /// What became of each object, by id.
    pub(super) fn dispositions(&self) -> HashMap<&str, &Disposition> {
        assert_eq!(self.plan.objects.len(), self.outcome.dispositions.len());
        self.plan.objects.iter().map(|object| &*object.id).zip(&self.outcome.dispositions).collect()
    }

    pub(super) fn count(&self, is: impl Fn(&Disposition) -> bool) -> usize {
        self.outcome.dispositions.iter().filter(|disposition| is(disposition)).count()
    }

    /// The tries, the reason and the request id of an object that failed.
    #[track_caller]
    pub(super) fn failure(&self, id: &str) -> (u32, &str, Option<&str>) {
        match self.dispositions()[id] {
            Disposition::Failed { tries, reason, request_id } => (*tries, reason, request_id.as_deref()),
            other => panic!("{id}: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn all_gone(&self) {
        assert!(self.count(|disposition| *disposition != Disposition::Gone) == 0, "{:?}", self.outcome);
        assert!(self.outcome.error.is_none() && self.outcome.stopped.is_none());
    }
}

/// The requests to delete one object.
pub(super) fn deletes<'r>(record: &'r Record, path: &str) -> Vec<&'r Entry> {
    record.deletes().filter(|entry| entry.path == path).collect()
}
