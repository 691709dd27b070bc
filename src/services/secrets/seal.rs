//! Sealing: XChaCha20-Poly1305 with random nonces, which are long enough not to repeat.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::SecretError;
use eklavya_core::hex;
use eklavya_core::secret::StoredSecret;

const NONCE_BYTES: usize = 24;
pub(super) const KEY_BYTES: usize = 32;
/// The length of a key's id, in characters.
const ID_LETTERS: usize = 16;

/// A key. It is wiped when it is dropped.
pub(super) struct SealingKey {
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

impl SealingKey {
    pub(super) fn random() -> Self {
        Self::from_bytes(Zeroizing::new(rand::random()))
    }

    pub(super) fn from_bytes(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let digest = Sha256::new()
            .chain_update(b"the name of a key of eklavya's secrets\0")
            .chain_update(bytes.as_slice())
            .finalize();
        let mut id = hex::encode(&digest);
        id.truncate(ID_LETTERS);
        Self { id, bytes }
    }

    /// Returns its id, which does not reveal the key.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the key in the format of the key file.
    pub(super) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.bytes.as_slice()))
    }

    /// Seals a value; it opens only with the same label.
    pub(super) fn seal(
        &self,
        label: &SealContext,
        value: &SecretString,
    ) -> Result<Vec<u8>, SecretError> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload {
            msg: value.expose_secret().as_bytes(),
            aad: label.0.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SecretError::Unsealable)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens a value; `None` if this key did not seal it with this label.
    pub(super) fn open(&self, label: &SealContext, sealed: &[u8]) -> Option<SecretString> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: label.0.as_bytes(),
        };
        let opened = self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?;
        let opened = Zeroizing::new(opened);
        std::str::from_utf8(&opened).ok().map(SecretString::from)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.bytes).into())
    }
}

/// The associated data of a sealed value, which prevents its use for another secret.
pub(super) struct SealContext(String);

impl SealContext {
    pub(super) fn of(installation: Uuid, secret: &StoredSecret) -> Self {
        let parts = json!([
            "eklavya secret",
            installation,
            secret.project,
            secret.name,
            secret.uses,
            secret.version
        ]);
        Self(parts.to_string())
    }
}
