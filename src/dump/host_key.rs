//! The host key of a node: known, new, or another than the known one.

use crate::dump::known_hosts::{Known, Verdict};
use russh::client::Handler;
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use std::sync::{Arc, Mutex, PoisonError};

/// Judges the host's key and keeps it for whoever has to tell of it.
pub(crate) struct HostKeyVerifier {
    pub(crate) known: Known,
    pub(crate) shown: Arc<Mutex<Option<PublicKey>>>,
}

impl Handler for HostKeyVerifier {
    type Error = russh::Error;

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
