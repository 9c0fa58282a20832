//! Key files.

use russh::keys::PrivateKey;
use std::path::Path;

/// Whether a private key needs a passphrase; a file that is no key is told when it is used.
pub(crate) fn is_locked(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| {
        let openssh = PrivateKey::from_openssh(&text).map(|key| key.is_encrypted());
        openssh.unwrap_or_else(|_| text.contains("ENCRYPTED"))
    })
}
