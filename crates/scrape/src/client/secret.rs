//! Secrets at the moment they are used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use mainstay_model::{HttpConfig, Secret, SecretSource};

use super::ClientError;

/// More than any credential or certificate chain.
const LIMIT_BYTES: u64 = 1 << 20;

/// The value, without white space around it when it is from a file.
pub(crate) async fn read(source: &SecretSource) -> Result<Secret<String>, ClientError> {
    let path = match source {
        SecretSource::Inline(value) => return Ok(value.clone()),
        SecretSource::File(path) => path,
    };
    let failed = |problem: String| ClientError::File {
        path: path.display().to_string(),
        problem,
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

/// A header that logs do not show.
pub(crate) fn header(text: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| ClientError::Header)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The `authorization` header, where there is to be one.
pub(crate) async fn authorization(config: &HttpConfig) -> Result<Option<HeaderValue>, ClientError> {
    if let Some(authorization) = &config.authorization {
        let credentials = read(&authorization.credentials).await?;
        let text = Secret::new(format!("{} {}", authorization.kind, credentials.expose()));
        return header(text.expose()).map(Some);
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
    header(&format!("Basic {}", STANDARD.encode(pair.expose()))).map(Some)
}
