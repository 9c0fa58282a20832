//! The host key of a node: known, new, or another than the known one; and what the node says before somebody is logged in.

use crate::dump::algorithms::old_ones;
use crate::dump::known_hosts::{Known, Verdict};
use chrono::Utc;
use russh::Names;
use russh::client::{Handler, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use std::sync::{Arc, Mutex, PoisonError};

/// How much is kept of what a node says before somebody is logged in, in bytes.
const BANNER: usize = 4 << 10;

/// What a host showed and was not accepted by.
pub(crate) enum Shown {
    /// A key.
    Key(PublicKey),
    /// A certificate, and why it is not valid.
    Certificate(String),
}

/// Judges the host's key and keeps it for whoever has to tell of it.
pub(crate) struct HostKeyVerifier {
    pub(crate) known: Known,
    /// The host's name or address: a certificate is for such.
    pub(crate) host: String,
    pub(crate) shown: Arc<Mutex<Option<Shown>>>,
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
        let (shown, known) = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                (Shown::Key(key.clone()), self.known.verdict(key) == Verdict::Known)
            }
            PublicKeyOrCertificate::Certificate(certificate) => {
                match self.known.certified(certificate, &self.host, Utc::now().timestamp()) {
                    Ok(()) => return Ok(true),
                    Err(problem) => {
                        // The key itself may be recorded as well.
                        let key = PublicKey::new(certificate.public_key().clone(), "");
                        (Shown::Certificate(problem), self.known.verdict(&key) == Verdict::Known)
                    }
                }
            }
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(known)
    }
}
