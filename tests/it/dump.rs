//! `etl dump` from outside, against private nodes behind a real sshd: what arrives, what is said, and what is left.
//!
//! The cases that need accounts with passwords and `su` need root; elsewhere they fail, unless `ETL_TEST_WAIVE=accounts` waives
//! them, and do what can be done with a key.

mod stage;

mod server;

/// Dumps that arrive.
mod arriving;

/// Questions on a terminal, and their answers.
mod asked;

/// su and sudo in all their forms.
mod becoming;

/// Nobody gets in, or nobody is let in.
mod entering;

/// Nodes that want more than one proof, and what they say and ask meanwhile.
mod factors;

/// Nodes that print without end, or do not answer.
mod hostile;

/// Connections that are cut, and signals.
mod interrupted;

/// Keys of every kind, agents, certificates.
mod keys;

/// Nodes that allow little.
mod limited;

/// What goes wrong on a node.
mod node;

/// Old servers, and such that have no algorithm in common with etl.
mod old;

/// Nodes without SFTP.
mod without_sftp;

/// Ways in: through other hosts, and by the configuration of OpenSSH's client.
mod ways;

/// Arguments and settings that do not go together.
mod usage;
