//! Who we are, to a mail server: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainstay_alert::config::Email;
use mainstay_model::Secret;
use md5::{Digest as _, Md5};

use crate::Failure;
use crate::client::secret;
use crate::hex::hex;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    Login,
    CramMd5,
}

/// What the configuration has.
pub(super) struct Credentials {
    user: String,
    identity: String,
    password: Secret<String>,
    /// For CRAM-MD5.
    secret: Secret<String>,
}

impl Credentials {
    pub(super) async fn read(email: &Email) -> Result<Self, Failure> {
        let password = match &email.auth_password {
            Some(source) => secret::read(source).await?,
            None => Secret::default(),
        };
        let secret = match &email.auth_secret {
            Some(source) => secret::read(source).await?,
            None => Secret::default(),
        };
        Ok(Self {
            user: email.auth_username.clone().unwrap_or_default(),
            identity: email.auth_identity.clone().unwrap_or_default(),
            password,
            secret,
        })
    }

    #[cfg(test)]
    pub(super) fn new(user: &str, password: &str, secret: &str) -> Self {
        Self {
            user: user.to_owned(),
            identity: String::new(),
            password: Secret::new(password.to_owned()),
            secret: Secret::new(secret.to_owned()),
        }
    }

    /// Without a user nobody authenticates.
    pub(super) fn wanted(&self) -> bool {
        !self.user.is_empty()
    }

    /// All that must not be seen.
    pub(super) fn secrets(&self) -> Vec<Secret<String>> {
        let encoded = Secret::new(STANDARD.encode(self.password.expose()));
        vec![
            self.password.clone(),
            self.secret.clone(),
            self.plain(),
            encoded,
        ]
    }

    /// The first of the offered ones that there is a secret for.
    pub(super) fn choose(&self, offered: &[String]) -> Option<Mechanism> {
        let password = !self.password.expose().is_empty();
        offered.iter().find_map(|offer| match offer.as_str() {
            "PLAIN" if password => Some(Mechanism::Plain),
            "LOGIN" if password => Some(Mechanism::Login),
            "CRAM-MD5" if !self.secret.expose().is_empty() => Some(Mechanism::CramMd5),
            _ => None,
        })
    }

    pub(super) fn plain(&self) -> Secret<String> {
        let (identity, user) = (&self.identity, &self.user);
        let text = Secret::new(format!("{identity}\0{user}\0{}", self.password.expose()));
        Secret::new(STANDARD.encode(text.expose()))
    }

    /// The user and the password.
    pub(super) fn login(&self) -> (Secret<String>, Secret<String>) {
        let encoded = |text: &str| Secret::new(STANDARD.encode(text));
        (encoded(&self.user), encoded(self.password.expose()))
    }

    /// The answer to a challenge.
    pub(super) fn cram_md5(&self, challenge: &str) -> Result<Secret<String>, Failure> {
        let challenge = STANDARD
            .decode(challenge.trim())
            .map_err(|_| Failure::connection("the mail server's challenge is no base64"))?;
        let hash = hmac_md5(self.secret.expose().as_bytes(), &challenge);
        let text = format!("{} {}", self.user, hex(&hash));
        Ok(Secret::new(STANDARD.encode(text)))
    }
}

/// RFC 2104 with MD5, whose blocks have 64 bytes.
fn hmac_md5(key: &[u8], text: &[u8]) -> [u8; 16] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..16].copy_from_slice(&Md5::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let keyed = |pad: u8, text: &[u8]| -> [u8; 16] {
        let mut hash = Md5::new();
        hash.update(block.map(|byte| byte ^ pad));
        hash.update(text);
        hash.finalize().into()
    };
    keyed(0x5c, &keyed(0x36, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(password: &str, secret: &str) -> Credentials {
        let mut credentials = Credentials::new("tim", password, secret);
        credentials.identity = "root".to_owned();
        credentials
    }

    /// The example of RFC 2195, and the long key of RFC 2202's case 6.
    #[test]
    fn a_challenge_is_answered_as_the_rfc_has_it() {
        let credentials = credentials("", "tanstaaftanstaaf");
        let challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        let answer = credentials.cram_md5(challenge).unwrap();
        let answer = STANDARD.decode(answer.expose()).unwrap();
        assert_eq!(answer, b"tim b913a602c7eda7a495b4e6e7334d3890");
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let hash = hmac_md5(&[0xaa; 80], text);
        assert_eq!(hex(&hash), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }

    #[test]
    fn the_first_offer_that_has_a_secret_is_taken() {
        let offered: Vec<String> = ["GSSAPI", "CRAM-MD5", "PLAIN", "LOGIN"]
            .map(str::to_owned)
            .into();
        let choose = |password, secret| credentials(password, secret).choose(&offered);
        assert_eq!(choose("p", "s"), Some(Mechanism::CramMd5));
        assert_eq!(choose("p", ""), Some(Mechanism::Plain));
        assert_eq!(choose("", ""), None);
        let plain = credentials("p", "").plain();
        assert_eq!(STANDARD.decode(plain.expose()).unwrap(), b"root\0tim\0p");
    }
}
