//! Reading columns: what SQLite gives, as the values of this crate.

use crate::error::JournalError;
use mainstay_model::{EnvironmentName, ReleaseNumber, Scope, StackName, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSql, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;

type Result<T> = std::result::Result<T, rusqlite::Error>;

fn wrong(
    column: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    let text = format!("{column}: {}", error.into());
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, text.into())
}

pub(crate) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T> {
    row.get(column)
}

pub(crate) fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| wrong(column, error))
}

pub(crate) fn parsed_if<T: std::str::FromStr>(row: &Row<'_>, column: &str) -> Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: Option<String> = row.get(column)?;
    let value = text.map(|text| text.parse());
    value
        .transpose()
        .map_err(|error: T::Err| wrong(column, error))
}

pub(crate) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(crate) fn release(row: &Row<'_>, column: &str) -> Result<Option<ReleaseNumber>> {
    let number: Option<u32> = row.get(column)?;
    Ok(number.map(ReleaseNumber))
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| wrong(column, error))
}

/// An enum that is one lower-case word, by its serde name.
pub(crate) fn word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T> {
    let text: String = row.get(column)?;
    from_word(text).map_err(|error| wrong(column, error))
}

pub(crate) fn word_if<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let value = text.map(from_word);
    value.transpose().map_err(|error| wrong(column, error))
}

fn from_word<T: DeserializeOwned>(text: String) -> std::result::Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(text))
}

pub(crate) fn scope(row: &Row<'_>) -> Result<Scope> {
    let stack: StackName = parsed(row, "stack")?;
    let environment: EnvironmentName = parsed(row, "environment")?;
    Ok(Scope { stack, environment })
}

pub(crate) fn scope_if(row: &Row<'_>) -> Result<Option<Scope>> {
    let stack: Option<StackName> = parsed_if(row, "stack")?;
    let environment: Option<EnvironmentName> = parsed_if(row, "environment")?;
    Ok(stack
        .zip(environment)
        .map(|(stack, environment)| Scope { stack, environment }))
}

pub(crate) fn to_json(value: &impl Serialize) -> std::result::Result<String, JournalError> {
    serde_json::to_string(value).map_err(|error| JournalError::row("to be written", &error))
}

/// The serde name of an enum that is one word.
pub(crate) fn to_word(value: &impl Serialize) -> std::result::Result<String, JournalError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(JournalError::row(
            "to be written",
            &format!("{other} is no word"),
        )),
        Err(error) => Err(JournalError::row("to be written", &error)),
    }
}
