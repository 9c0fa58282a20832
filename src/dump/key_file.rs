//! Key files, and the certificates beside them.

use russh::AgentAuthError;
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, HashAlg, PrivateKey, load_secret_key};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most that is read of a certificate, in bytes.
const MOST: u64 = 64 << 10;

/// Whether a private key needs a passphrase; a file that is no key is told when it is used.
pub(crate) fn is_locked(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| {
        let openssh = PrivateKey::from_openssh(&text).map(|key| key.is_encrypted());
        openssh.unwrap_or_else(|_| text.contains("ENCRYPTED"))
    })
}

/// A private key; an error says why there is none.
pub(crate) fn read(path: &Path, passphrase: Option<&SecretString>) -> Result<PrivateKey, String> {
    let key = load_secret_key(path, passphrase.map(|secret| secret.expose_secret()));
    key.map_err(|error| match &error {
        russh::keys::Error::IO(error) => error.to_string(),
        russh::keys::Error::KeyIsEncrypted => "its passphrase is not known".to_owned(),
        _ if passphrase.is_some() => "the passphrase does not open it".to_owned(),
        _ => error.to_string(),
    })
}

/// The certificate of the key in a file: where it lies, and what it is, or why it is of no use at a time in seconds since
/// 1970. `None` where there is none.
pub(crate) fn certificate(key: &Path, now: i64) -> Option<(PathBuf, Result<Certificate, String>)> {
    use std::io::Read as _;
    let mut name = key.as_os_str().to_owned();
    name.push("-cert.pub");
    let path = PathBuf::from(name);
    let mut text = String::new();
    match std::fs::File::open(&path).and_then(|file| file.take(MOST).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return Some((path, Err(error.to_string()))),
    }
    let found = Certificate::from_openssh(text.trim()).map_err(|error| error.to_string());
    let now = u64::try_from(now).unwrap_or(0);
    let found = found.and_then(|found| match (found.valid_after(), found.valid_before()) {
        (_, before) if before <= now => Err("the certificate has expired".to_owned()),
        (after, _) if now < after => Err("the certificate is not valid yet".to_owned()),
        _ => Ok(found),
    });
    Some((path, found))
}

/// Signs with a key here as an agent does: an RSA key with the digest that the node takes.
pub(crate) struct KeySigner(pub(crate) Arc<PrivateKey>);

impl russh::Signer for KeySigner {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        digest: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        let unsigned = |error| AgentAuthError::Key(russh::keys::Error::from(error));
        let signature: Result<Signature, _> = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, digest).try_sign(&to_sign),
            other => other.try_sign(&to_sign),
        };
        let mut bytes = Vec::new();
        let encoded = signature
            .map_err(russh::keys::ssh_key::Error::from)
            .and_then(|signature| Ok(signature.encode(&mut bytes)?))
            .and_then(|()| Ok(bytes.encode(&mut to_sign)?));
        encoded.map_err(unsigned)?;
        Ok(to_sign)
    }
}
