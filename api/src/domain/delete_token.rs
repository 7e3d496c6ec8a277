//! The server's secret and the delete tokens that it makes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::ImageId;

/// The server's secret. Whoever knows it can delete every image.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// The secret is shorter than [`Secret::MIN_CHARACTERS`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the secret has fewer than {} characters", Secret::MIN_CHARACTERS)]
pub struct SecretTooShort;

impl Secret {
    /// Shorter secrets can be guessed from one token.
    pub const MIN_CHARACTERS: usize = 32;

    /// Takes a secret of at least [`Self::MIN_CHARACTERS`] characters.
    ///
    /// # Errors
    /// [`SecretTooShort`].
    pub fn new(text: &str) -> Result<Self, SecretTooShort> {
        if text.chars().count() < Self::MIN_CHARACTERS {
            return Err(SecretTooShort);
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// The token that deletes the image: HMAC-SHA256 (RFC 2104) of its id, in base64url.
    /// Computed, not stored, so that a replayed upload can give it again.
    #[must_use]
    pub fn delete_token(&self, id: ImageId) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(id).finalize().into_bytes())
    }

    /// Whether `token` deletes this image. Takes the same time for every wrong token.
    #[must_use]
    pub fn accepts(&self, id: ImageId, token: &str) -> bool {
        URL_SAFE_NO_PAD
            .decode(token)
            .is_ok_and(|bytes| self.mac(id).verify_slice(&bytes).is_ok())
    }

    fn mac(&self, id: ImageId) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .expect("HMAC takes keys of any length (RFC 2104)");
        // The prefix keeps this use of the secret apart from any later one.
        mac.update(b"delete-token/v1/");
        mac.update(id.to_string().as_bytes());
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("0123456789abcdef0123456789abcdef").expect("long enough")
    }

    #[test]
    fn a_token_deletes_its_own_image_and_no_other() {
        let (mine, other) = (ImageId::generate(), ImageId::generate());
        let token = secret().delete_token(mine);
        assert!(secret().accepts(mine, &token));
        assert!(!secret().accepts(other, &token));
        assert_eq!(
            token,
            secret().delete_token(mine),
            "a replay gives it again"
        );
    }

    #[test]
    fn forged_tokens_are_refused() {
        let id = ImageId::generate();
        let token = secret().delete_token(id);
        let another = Secret::new(&"x".repeat(32)).expect("long enough");
        let cut = token[..token.len() - 1].to_owned();
        let foreign = another.delete_token(id);
        for forged in ["", "not base64 !", &cut, &foreign, &format!("{token}A")] {
            assert!(!secret().accepts(id, forged), "{forged}");
        }
    }

    #[test]
    fn short_secrets_are_refused_and_none_is_ever_printed() {
        assert!(Secret::new(&"x".repeat(31)).is_err());
        assert_eq!(format!("{:?}", secret()), "Secret(…)");
    }
}
