//! A site to be taken over: its databases, a node with an SSH server, a Karbor, and the settings file.

use crate::karbor::{Rows, database, postgres_rows};
use crate::scene::{Answer, Scene};
use fixtures::gauss::{Gauss, Role, Ways};
use fixtures::server::shared;
use fixtures::ssh::{Asks, DATABASE_USER, DATABASE_USER_PASSWORD, Node, PASSWORD, USER};
use fixtures::{Database, Layout, Shape};
use std::cell::RefCell;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A password of the target's, which the server does not ask for.
const TARGET_PASSWORD: &str = "Target-Secret-3";

/// What no output and no file may hold.
const SECRETS: [&str; 3] = [PASSWORD, DATABASE_USER_PASSWORD, TARGET_PASSWORD];

pub(super) struct Site {
    pub(super) scene: Scene,
    pub(super) node: Node,
    /// What the node's commands look at and write to.
    flags: tempfile::TempDir,
    source: fixtures::Site,
    databases: Vec<(Database, String)>,
    pub(super) karbor: String,
    /// The imitation of openGauss through which Karbor's database is reached, if it is.
    pub(super) gauss: Option<Gauss>,
    /// All that was said.
    said: RefCell<Vec<String>>,
}

impl Site {
    /// A site in the middle of its backups.
    pub(super) fn new() -> Self {
        Self::with(None)
    }

    /// The same with a Karbor in openGauss, as far as it can be imitated; its gs_dump is in the path.
    pub(super) fn in_gauss() -> Self {
        let ways = Ways::all(Role::new(TARGET_PASSWORD, 10_000));
        Self::with(Some(Gauss::before(shared().port(), ways)))
    }

    fn with(gauss: Option<Gauss>) -> Self {
        let server = shared();
        let node = Node::start(server, Asks::Plainly);
        let flags = tempfile::Builder::new().prefix("etl-flags-").tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(flags.path(), Permissions::from_mode(0o777)).unwrap();
        let shares = fixtures::Shares { unsteady: 2_000, ..fixtures::Shares::default() };
        let source = fixtures::Site { shares, ..fixtures::Site::bundled() };
        let layout = Layout { shape: Shape::PgDump15, owners: false, ..Layout::default() };
        let filled = |kind: Database| {
            let name = server.create_db();
            let mut dump = Vec::new();
            source.write(kind, &layout, &mut dump).unwrap();
            server.psql(&name, &String::from_utf8(dump).unwrap());
            (kind, name)
        };
        let databases: Vec<_> = Database::ALL.into_iter().map(filled).collect();
        let karbor = database(server);
        own_rows(&karbor);
        // Where it is in a file, gs_dump does not find it by itself.
        let file = flags.path().join("pgpass");
        std::fs::write(&file, format!("*:*:*:*:{TARGET_PASSWORD}\n")).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let scene = match gauss {
            None => Scene::new().with("PGPASSWORD", TARGET_PASSWORD),
            Some(_) => Scene::new().with("PGPASSFILE", file.to_str().unwrap()),
        };
        let scene =
            scene.with("ETL_SSH_PASSWORD", PASSWORD).with("ETL_SU_PASSWORD", DATABASE_USER_PASSWORD).with(
                "PATH",
                &format!(
                    "{}:{}",
                    node.program("gs_dump").parent().unwrap().display(),
                    std::env::var("PATH").unwrap()
                ),
            );
        let said = RefCell::default();
        let site = Self { scene, node, flags, source, databases, karbor, gauss, said };
        site.scene.write("known_hosts", site.node.known_hosts_line(site.node.port()));
        site.scene.write("etl.toml", "trust_id = \"a-trust\"\n");
        site.scene.write("cutover.toml", site.settings());
        site
    }

    /// The settings file.
    pub(super) fn settings(&self) -> String {
        let (node, flags) = (&self.node, self.flags.path().display());
        let login = if node.is_whole() {
            format!("user = \"{USER}\"\nlogin = [\"password\"]\n")
        } else {
            let user = std::env::var("USER").unwrap_or_default();
            format!("user = \"{user}\"\nlogin = [\"key\"]\nkey = \"{}\"\n", node.user_key().display())
        };
        let becoming = match node.is_whole() {
            true => format!("become = \"su\"\ndatabase_user = \"{DATABASE_USER}\"\n"),
            false => String::new(),
        };
        let machine = |name: &str, becoming: &str| {
            format!(
                "[[node]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {}\n{login}{becoming}",
                node.port()
            )
        };
        let dumps: String = self.databases.iter().map(|(kind, name)| {
            format!(
                "[[node.dump]]\ndatabase = \"{}\"\ndatabase_name = \"{name}\"\ngs_dump = \"{}\"\noptions = [\"-U\", \"postgres\"]\nremote_folder = \"{}\"\n",
                kind.owner(),
                node.program("gs_dump").display(),
                node.remote_folder().display()
            )
        }).collect();
        let (target, dump) = match &self.gauss {
            None => {
                let program = shared().installation().program("pg_dump");
                (shared().url(&self.karbor), format!("pg_dump = \"{}\"\n", program.display()))
            }
            Some(gauss) => {
                let at = format!("127.0.0.1:{}", gauss.port());
                (format!("postgresql://postgres@{at}/{}?sslmode=disable", self.karbor), String::new())
            }
        };
        format!(
            "folder = \"cutover\"\ntarget = \"{target}\"\nfree_space = \"1 MiB\"\n\
             [karbor]\n{dump}[run]\nunsteady = \"carry\"\n\
             [ssh]\nknown_hosts = \"{}\"\n\
             [[stopped]]\nname = \"vbs\"\nrun = \"test -e {flags}/vbs-stopped\"\non = [\"vbs1\"]\n\
             [[stopped]]\nname = \"dps\"\nrun = \"true\"\n\
             [[restart]]\nrun = \"echo restarted >> {flags}/restarts\"\non = [\"karbor1\"]\n\
             [[continue]]\nrun = \"touch {flags}/jobs\"\non = [\"vbs1\"]\n\
             {}{dumps}{}",
            self.scene.path("known_hosts").display(),
            machine("vbs1", &becoming),
            machine("karbor1", ""),
        )
    }

    #[track_caller]
    pub(super) fn etl(&self, arguments: &[&str]) -> Answer {
        let answer = self.scene.etl(arguments);
        self.said.borrow_mut().extend([answer.stdout.clone(), answer.stderr.clone()]);
        answer
    }

    /// The command as a process of its own.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.scene.process(arguments);
        command.env("PATH", std::env::var("PATH").unwrap()).env("PGPASSWORD", TARGET_PASSWORD);
        command.env("ETL_SSH_PASSWORD", PASSWORD).env("ETL_SU_PASSWORD", DATABASE_USER_PASSWORD);
        command.stdin(Stdio::null());
        command
    }

    /// Keeps what was said elsewhere, for [`Site::assert_clean`].
    pub(super) fn hear(&self, text: String) {
        self.said.borrow_mut().push(text);
    }

    pub(super) fn rows(&self) -> Rows {
        postgres_rows(shared(), &self.karbor)
    }

    /// What the same dumps become by `etl run`.
    pub(super) fn rows_of_a_run(&self, more: &[&str]) -> Rows {
        let other = database(shared());
        own_rows(&other);
        let mut line = vec!["run".to_owned(), "--no-log".into(), "--target".into(), shared().url(&other)];
        line.extend(more.iter().map(|word| (*word).to_owned()));
        for kind in Database::ALL {
            let mut dump = Vec::new();
            self.source.write(kind, &Layout::default(), &mut dump).unwrap();
            line.push(self.scene.write(kind.file_name(), dump).display().to_string());
        }
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let answer = self.scene.etl(&line);
        assert_eq!(answer.code, 3, "{}", answer.shown());
        postgres_rows(shared(), &other)
    }

    fn database(&self, kind: Database) -> &str {
        &self.databases.iter().find(|(known, _)| *known == kind).unwrap().1
    }

    /// Some copies that were being made are done.
    pub(super) fn finish_copies(&self) {
        let done = "UPDATE backups SET status = 'available', updated_at = updated_at + interval '1 year' \
                    WHERE id IN (SELECT min(id) FROM backups WHERE status = 'creating' AND NOT deleted)";
        shared().psql(self.database(Database::Cinder), done);
    }

    /// All jobs that copies wait for are over, as the task manager knows.
    pub(super) fn finish_jobs(&self) {
        let (server, jobs) = (shared(), self.database(Database::Taskmgr));
        let waiting =
            "SELECT extend_info::json ->> 'taskid' FROM checkpoint_items WHERE status = 'protecting'";
        server.psql(jobs, "CREATE TABLE one AS SELECT * FROM taskmgr_job LIMIT 1");
        for job in server.psql(&self.karbor, waiting).lines() {
            server.psql(
                jobs,
                &format!(
                    "DELETE FROM taskmgr_job WHERE job_id = '{job}';
                     UPDATE one SET job_id = '{job}', current_status = 'SUCCESS';
                     INSERT INTO taskmgr_job SELECT * FROM one"
                ),
            );
        }
    }

    pub(super) fn stop_vbs(&self) {
        std::fs::write(self.flags.path().join("vbs-stopped"), "").unwrap();
    }

    /// How often operationengine was restarted.
    pub(super) fn restarts(&self) -> usize {
        std::fs::read_to_string(self.flags.path().join("restarts")).unwrap_or_default().lines().count()
    }

    /// Nothing is left on the node, and no secret stands anywhere.
    #[track_caller]
    pub(super) fn assert_clean(&self) {
        assert_eq!(self.node.left(), Vec::<String>::new());
        let mut files = 0;
        let mut texts = self.said.borrow().clone();
        collect(&self.scene.path(""), &mut |text| {
            files += 1;
            texts.push(text);
        });
        assert!(files > 5);
        for secret in SECRETS {
            let found = texts.iter().find(|text| text.contains(secret));
            assert!(found.is_none(), "{secret}: {found:?}");
        }
    }
}

/// Rows that Karbor made itself.
fn own_rows(karbor: &str) {
    shared().psql(
        karbor,
        "INSERT INTO plans (id, name, project_id, provider_id, status, parameters, deleted, created_at)
             VALUES ('p-own', 'mine', 'project', 'provider', 'suspended', '{}', false, '2020-01-01');
         INSERT INTO checkpoint_items (id, checkpoint_id, project_id, resource_id, status, version, deleted)
             VALUES ('i-own', 'c-own', 'project', 'r-own', 'available', '1.0', false)",
    );
}

/// The texts of all files below a folder.
fn collect(folder: &Path, take: &mut dyn FnMut(String)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, take);
        } else {
            take(String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned());
        }
    }
}
