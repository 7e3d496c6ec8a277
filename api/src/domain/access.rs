//! Who may do what: the one place where keys are held against what was sent.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::AdminKey;

/// Who may do what. By default anybody may upload and list, and nobody is the operator.
#[derive(Clone, Debug)]
pub struct Access {
    /// The key of the operator. `None`: nobody is the operator.
    pub admin_key: Option<AdminKey>,
    /// The keys that uploads need. `None`: strangers may upload.
    pub upload_keys: Option<UploadKeys>,
    /// Whether strangers may list images.
    pub public_listing: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            admin_key: None,
            upload_keys: None,
            public_listing: true,
        }
    }
}

/// Why somebody may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A key is needed, and none was sent.
    KeyMissing,
    /// The key that was sent does not allow it.
    KeyWrong,
}

/// Who uploads, as far as a key tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadedBy<'a> {
    /// Uploads are open to strangers.
    Anybody,
    /// Whoever holds the key of this name.
    KeyHolder(&'a str),
    /// The operator.
    Operator,
}

impl Access {
    /// Whether `key` is the operator's.
    #[must_use]
    pub fn is_operator(&self, key: &str) -> bool {
        self.admin_key.as_ref().is_some_and(|own| own.matches(key))
    }

    /// Whether whoever sent `key` may do what only the operator may.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn operate(&self, key: Option<&str>) -> Result<(), Denied> {
        match key {
            None => Err(Denied::KeyMissing),
            Some(key) if self.is_operator(key) => Ok(()),
            Some(_) => Err(Denied::KeyWrong),
        }
    }

    /// Whether whoever sent `key` may list images.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn list(&self, key: Option<&str>) -> Result<(), Denied> {
        if self.public_listing {
            return Ok(());
        }
        self.operate(key)
    }

    /// Whether whoever sent `key` may upload, and as whom.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn upload(&self, key: Option<&str>) -> Result<UploadedBy<'_>, Denied> {
        let Some(keys) = &self.upload_keys else {
            return Ok(UploadedBy::Anybody);
        };
        let key = key.ok_or(Denied::KeyMissing)?;
        if self.is_operator(key) {
            return Ok(UploadedBy::Operator);
        }
        keys.name_of(key)
            .map(UploadedBy::KeyHolder)
            .ok_or(Denied::KeyWrong)
    }
}

/// The keys that uploads need: a name and the SHA-256 of each.
#[derive(Clone)]
pub struct UploadKeys(Vec<(String, [u8; 32])>);

/// Why a list of upload keys cannot be read. Never repeats the list: it might hold a key in plain text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidUploadKeys {
    /// An item is no name, colon and SHA-256.
    #[error(
        "item {0} is not of the form NAME:SHA256, with a name of letters, digits, '-', '_' and '.'"
    )]
    Form(usize),
    /// A name comes twice, so that the log could not tell them apart.
    #[error("item {0} has a name that came before")]
    NameTwice(usize),
    /// There is no key in it.
    #[error("there is no key in it")]
    Empty,
}

impl UploadKeys {
    /// Reads `NAME:SHA256` items, separated by commas or white space. The checksum is that of the key, in
    /// hexadecimal: whoever reads the configuration cannot upload with it.
    ///
    /// # Errors
    /// [`InvalidUploadKeys`].
    pub fn parse(text: &str) -> Result<Self, InvalidUploadKeys> {
        let mut keys: Vec<(String, [u8; 32])> = Vec::new();
        let items = text.split(|each: char| each == ',' || each.is_whitespace());
        for (index, item) in items.filter(|item| !item.is_empty()).enumerate() {
            let number = index + 1;
            let (name, checksum) = item
                .split_once(':')
                .filter(|(name, _)| is_name(name))
                .ok_or(InvalidUploadKeys::Form(number))?;
            let mut hash = [0; 32];
            hex::decode_to_slice(checksum, &mut hash)
                .map_err(|_| InvalidUploadKeys::Form(number))?;
            if keys.iter().any(|(other, _)| other == name) {
                return Err(InvalidUploadKeys::NameTwice(number));
            }
            keys.push((name.to_owned(), hash));
        }
        if keys.is_empty() {
            return Err(InvalidUploadKeys::Empty);
        }
        Ok(Self(keys))
    }

    /// A new key with 256 bits of chance, and the item that lets it in.
    #[must_use]
    pub fn generate(name: &str) -> Option<(String, String)> {
        if !is_name(name) {
            return None;
        }
        let key = hex::encode(rand::random::<[u8; 32]>());
        let item = format!("{name}:{}", hex::encode(Sha256::digest(&key)));
        Some((key, item))
    }

    /// The name of this key. Looks at every key to the end, whichever it is.
    #[must_use]
    pub fn name_of(&self, key: &str) -> Option<&str> {
        let hash: [u8; 32] = Sha256::digest(key).into();
        // One past the last index stands for none.
        let mut found = self.0.len() as u64;
        for (index, (_, own)) in self.0.iter().enumerate() {
            let same: Choice = own.ct_eq(&hash);
            found = u64::conditional_select(&found, &(index as u64), same);
        }
        let (name, _) = self.0.get(usize::try_from(found).ok()?)?;
        Some(name)
    }
}

/// Names go into the log as they are.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl fmt::Debug for UploadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: &str = "the operator's key of this test";

    fn closed() -> (Access, String) {
        let (key, item) = UploadKeys::generate("phone").unwrap();
        let (_, another) = UploadKeys::generate("laptop").unwrap();
        let access = Access {
            admin_key: Some(AdminKey::new(ADMIN).unwrap()),
            upload_keys: Some(UploadKeys::parse(&format!("{another}, {item}\n")).unwrap()),
            public_listing: false,
        };
        (access, key)
    }

    #[test]
    fn by_default_strangers_upload_and_list_and_nobody_is_the_operator() {
        let open = Access::default();
        assert_eq!(open.upload(None), Ok(UploadedBy::Anybody));
        assert_eq!(open.list(None), Ok(()));
        assert_eq!(open.operate(None), Err(Denied::KeyMissing));
        assert_eq!(open.operate(Some("")), Err(Denied::KeyWrong));
    }

    #[test]
    fn a_key_opens_uploads_under_its_name_and_nothing_else() {
        let (access, key) = closed();
        assert_eq!(
            access.upload(Some(&key)),
            Ok(UploadedBy::KeyHolder("phone"))
        );
        assert_eq!(access.list(Some(&key)), Err(Denied::KeyWrong));
        assert_eq!(access.operate(Some(&key)), Err(Denied::KeyWrong));
    }

    #[test]
    fn the_operator_may_do_everything() {
        let (access, _) = closed();
        assert_eq!(access.upload(Some(ADMIN)), Ok(UploadedBy::Operator));
        assert_eq!(access.list(Some(ADMIN)), Ok(()));
        assert_eq!(access.operate(Some(ADMIN)), Ok(()));
    }

    #[test]
    fn whoever_has_no_key_or_a_wrong_one_is_kept_out() {
        let (access, key) = closed();
        assert_eq!(access.upload(None), Err(Denied::KeyMissing));
        assert_eq!(access.list(None), Err(Denied::KeyMissing));
        let hash = hex::encode(Sha256::digest(&key));
        for wrong in ["", "phone", &key[1..], &key.to_uppercase(), &hash] {
            assert_eq!(access.upload(Some(wrong)), Err(Denied::KeyWrong), "{wrong}");
        }
    }

    #[test]
    fn lists_that_cannot_be_read_are_refused_without_being_repeated() {
        let (_, item) = UploadKeys::generate("a").unwrap();
        let rows = [
            (" , ", InvalidUploadKeys::Empty),
            ("hunter2", InvalidUploadKeys::Form(1)),
            ("a:hunter2", InvalidUploadKeys::Form(1)),
            (&format!("{item},b b:{item}"), InvalidUploadKeys::Form(2)),
            (&format!(":{item}"), InvalidUploadKeys::Form(1)),
            (&format!("{item} {item}"), InvalidUploadKeys::NameTwice(2)),
        ];
        for (text, expected) in rows {
            let error = UploadKeys::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert_eq!(UploadKeys::generate("a b"), None);
    }

    #[test]
    fn keys_are_never_printed() {
        let (access, key) = closed();
        let printed = format!("{access:?}");
        assert!(printed.contains("UploadKeys(2)"), "{printed}");
        assert!(!printed.contains(&hex::encode(Sha256::digest(&key))));
    }
}
