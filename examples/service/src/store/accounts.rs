//! What is asked of the store about users and sessions.

use super::value::statement;
use super::{Store, StoreError};
use crate::moment::Moment;

/// Who may log in.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    /// The password's hash as `account` writes it.
    pub(crate) password: String,
    pub(crate) admin: bool,
}

impl Store {
    /// Adds the user, or replaces password and role.
    pub(crate) async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        self.run(vec![statement!(
            "INSERT INTO users (name, password, admin) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET password = excluded.password, admin = excluded.admin",
            user.name.as_str(),
            user.password.as_str(),
            i64::from(user.admin)
        )])
        .await
        .map(drop)
    }

    pub(crate) async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT name, password, admin FROM users WHERE name = $1",
                name
            )])
            .await?;
        rows.first()
            .map(|row| {
                Ok(User {
                    name: row.text(0)?.to_owned(),
                    password: row.text(1)?.to_owned(),
                    admin: row.integer(2)? != 0,
                })
            })
            .transpose()
    }

    pub(crate) async fn user_count(&self) -> Result<u64, StoreError> {
        let rows = self
            .run(vec![statement!("SELECT count(*) FROM users")])
            .await?;
        rows.first().map_or(Ok(0), |row| Ok(row.integer(0)? as u64))
    }

    /// Keeps a session by the hash of its token, and forgets those that are over.
    pub(crate) async fn put_session(
        &self,
        token_hash: &str,
        user: &str,
        now: Moment,
        expires: Moment,
    ) -> Result<(), StoreError> {
        self.run(vec![
            statement!("DELETE FROM sessions WHERE expires_ms < $1", now.0),
            statement!(
                "INSERT INTO sessions (token, name, expires_ms) VALUES ($1, $2, $3)",
                token_hash,
                user,
                expires.0
            ),
        ])
        .await
        .map(drop)
    }

    pub(crate) async fn end_session(&self, token_hash: &str) -> Result<(), StoreError> {
        self.run(vec![statement!(
            "DELETE FROM sessions WHERE token = $1",
            token_hash
        )])
        .await
        .map(drop)
    }

    /// The user of a session that is not over: name, and whether an admin.
    pub(crate) async fn session(
        &self,
        token_hash: &str,
        now: Moment,
    ) -> Result<Option<(String, bool)>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT users.name, users.admin FROM sessions \
                 JOIN users ON users.name = sessions.name \
                 WHERE sessions.token = $1 AND sessions.expires_ms > $2",
                token_hash,
                now.0
            )])
            .await?;
        rows.first()
            .map(|row| Ok((row.text(0)?.to_owned(), row.integer(1)? != 0)))
            .transpose()
    }

    /// Users who are logged in.
    pub(crate) async fn active_users(&self, now: Moment) -> Result<u64, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT count(DISTINCT name) FROM sessions WHERE expires_ms > $1",
                now.0
            )])
            .await?;
        rows.first().map_or(Ok(0), |row| Ok(row.integer(0)? as u64))
    }
}
