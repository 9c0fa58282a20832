//! The arguments of `etl dump`.

use crate::settings::output_args::OutputArgs;
use clap::Args;
use std::path::PathBuf;

/// Shown under the short help of `etl dump`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  etl dump cutover.toml --dry-run
  etl dump cutover.toml
  etl dump cutover.toml --node vbs1 --secrets-fd 3 3< secrets";

/// Shown under the long help of `etl dump`.
pub(crate) const NOTES: &str = "\
Examples:
  etl dump cutover.toml --dry-run
          what would be done on each node; none is touched
  etl dump cutover.toml
          dumps and fetches; asks for the passwords that are known from nowhere
  etl dump cutover.toml --node vbs1 --secrets-fd 3 3< secrets
          one node, its secrets from a descriptor

Settings file:
  folder = \"cutover\"                       # for dumps; next to the file; its own folder if left out
  [ssh]                                    # may be left out
  known_hosts = \"~/.ssh/known_hosts\"
  connect_timeout = \"10s\"
  silence = \"60s\"                          # so long a dead connection is waited for
  ssh_config = \"~/.ssh/config\"            # has what is not said below; \"none\" uses none
  reconnects = 5                           # so often a lost connection is made again
  [[node]]
  name = \"vbs1\"
  host = \"192.0.2.5\"
  port = 22
  user = \"cps\"
  login = [\"agent\", \"key\", \"password\"]
  key = \"~/.ssh/id_ed25519\"                # and the certificate beside it: id_ed25519-cert.pub
  proxy_jump = [\"gate\", \"ops@192.0.2.1:22\"]  # the way there: names of [[node]], or addresses
  legacy_algorithms = false                # true for an sshd that knows nothing but SHA-1 and CBC
  become = \"su\"                            # none, su or sudo
  become_command = \"sudo su - gaussdba\"    # instead of become: what opens a shell of that user
  become_password = \"ask\"                  # or \"none\"; su: ask, sudo: none if left out
  database_user = \"gaussdba\"
  [[node.dump]]
  database = \"autobackup\"                  # cinder, autobackup, taskmgr or dps
  database_name = \"autobackup\"             # where it is called otherwise
  file = \"vbs.sql\"
  gs_dump = \"/opt/gauss/bin/gs_dump\"
  options = [\"-p\", \"5432\"]
  tables = [\"backup_policy\"]               # all that etl reads if left out
  remote_folder = \"/tmp\"
  database_password = \"ask\"                # where the database wants one
  expected_size = \"2 GiB\"                  # where it is known better than the database does
  timeout = \"6h\"

Secrets:
  ETL_SSH_PASSWORD_NODE, ETL_KEY_PASSPHRASE_NODE, ETL_SU_PASSWORD_NODE, ETL_DATABASE_PASSWORD_NODE
  with the node's name in capitals, other characters as _ (vbs-1: VBS_1); without it for all nodes.
  A host of proxy_jump that is no [[node]] is named as written (ops@192.0.2.1: OPS_192_0_2_1).
  They are lines NAME=value of --secrets-fd, else variables of the environment, else asked for.

Stopping:
  Ctrl-C stops what runs on the nodes and removes what lies there; a second one leaves it, and says
  what is left and how it is removed.

Exit codes:
  0  all dumps are here, whole, and recorded
  1  some are not; those that are stay
  2  wrong usage or settings, no node was touched
  3  all dumps are here, but of one something stays on its node: the report says how it is removed";

/// The arguments of `etl dump`.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// Settings file that says where the nodes are and what is dumped there.
    #[arg(value_name = "SETTINGS")]
    pub settings: PathBuf,

    /// Only this node; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub node: Vec<String>,

    /// Say what would be done on each node, and touch none.
    #[arg(long)]
    pub dry_run: bool,

    /// Accept host keys that are not known, and record them. A changed one is refused all the same.
    #[arg(long, help_heading = "Logging in")]
    pub accept_new_host_keys: bool,

    /// File descriptor from which secrets are read, as lines NAME=value.
    #[arg(long, value_name = "NUMBER", help_heading = "Logging in")]
    pub secrets_fd: Option<u32>,

    /// Names of tables where they differ (see `etl columns`).
    #[arg(long, value_name = "FILE")]
    pub columns: Option<PathBuf>,

    /// What is told, and where.
    #[command(flatten)]
    pub outputs: OutputArgs,
}
