//! Secrets at the moment they are used: those in files are read anew each time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainstay_model::{HttpConfig, Secret, SecretSource};

use crate::Failure;

/// More than any credential or certificate chain.
const LIMIT_BYTES: u64 = 1 << 20;

/// The value, without white space around it where it is from a file.
pub(crate) async fn read(source: &SecretSource) -> Result<Secret<String>, Failure> {
    let path = match source {
        SecretSource::Inline(value) => return Ok(value.clone()),
        SecretSource::File(path) => path,
    };
    let failed = |problem: String| {
        // A file that is not there yet may be there at the next try.
        Failure {
            retry: true,
            ..Failure::configuration(format!("reading `{}`: {problem}", path.display()))
        }
    };
    let size = tokio::fs::metadata(path)
        .await
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size > LIMIT_BYTES {
        return Err(failed(format!("it has more than {LIMIT_BYTES} bytes")));
    }
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|error| failed(error.to_string()))?;
    Ok(Secret::new(text.trim().to_owned()))
}

/// The value of `authorization`, where `http_config` says one, and the secrets that stand in it.
pub(crate) async fn authorization(
    config: &HttpConfig,
    secrets: &mut Vec<Secret<String>>,
) -> Result<Option<Secret<String>>, Failure> {
    if let Some(authorization) = &config.authorization {
        let credentials = read(&authorization.credentials).await?;
        secrets.push(credentials.clone());
        let text = format!("{} {}", authorization.kind, credentials.expose());
        return Ok(Some(Secret::new(text)));
    }
    let Some(basic) = &config.basic_auth else {
        return Ok(None);
    };
    let username = read(&basic.username).await?;
    let password = match &basic.password {
        Some(password) => read(password).await?,
        None => Secret::default(),
    };
    let pair = Secret::new(format!("{}:{}", username.expose(), password.expose()));
    let encoded = Secret::new(STANDARD.encode(pair.expose()));
    secrets.push(password);
    secrets.push(encoded.clone());
    Ok(Some(Secret::new(format!("Basic {}", encoded.expose()))))
}
