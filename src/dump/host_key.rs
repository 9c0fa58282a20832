//! The host key of a node: known, new, or another than the known one; and what the node says before somebody is logged in.

use crate::dump::algorithms::old_ones;
use crate::dump::known_hosts::{Known, Verdict};
use russh::Names;
use russh::client::{Handler, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use std::sync::{Arc, Mutex, PoisonError};

/// How much is kept of what a node says before somebody is logged in, in bytes.
const BANNER: usize = 4 << 10;

/// Judges the host's key and keeps it for whoever has to tell of it.
pub(crate) struct HostKeyVerifier {
    pub(crate) known: Known,
    pub(crate) shown: Arc<Mutex<Option<PublicKey>>>,
    pub(crate) banner: Arc<Mutex<String>>,
}

impl HostKeyVerifier {
    fn keep(&self, text: &str) {
        let mut kept = self.banner.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < BANNER {
            kept.extend(text.chars().take(BANNER));
            kept.push('\n');
        }
    }
}

impl Handler for HostKeyVerifier {
    type Error = russh::Error;

    async fn auth_banner(
        &mut self,
        banner: &str,
        _session: &mut Session,
    ) -> std::result::Result<(), russh::Error> {
        self.keep(banner);
        Ok(())
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &Names,
        _session: &mut Session,
    ) -> std::result::Result<(), russh::Error> {
        let old = old_ones(names);
        if !old.is_empty() {
            self.keep(&format!("old and weak algorithms are in use: {}", old.join(", ")));
        }
        Ok(())
    }

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> std::result::Result<bool, russh::Error> {
        // No certificate is asked for; one that comes all the same is nobody's.
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let known = self.known.verdict(key) == Verdict::Known;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(known)
    }
}
