//! Users and groups: from a name or number to ids, read from `/etc/passwd` and `/etc/group`.
//!
//! These two files and no name service: a shim is a single small process, and loading name
//! service modules would multiply its memory. A user of a directory server is given by number.

use rustix::process::{Gid, Uid};
use std::path::Path;

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    /// Supplementary groups.
    pub(crate) groups: Vec<Gid>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserError {
    #[error("there is no user `{0}` in /etc/passwd; hint: create it, or give its number")]
    NoUser(String),
    #[error("there is no group `{0}` in /etc/group; hint: create it, or give its number")]
    NoGroup(String),
    #[error(
        "cannot run as {wanted}: only root can change the user, and this is uid {own}; hint: leave `user` out, or run the server as root"
    )]
    NotRoot { wanted: String, own: u32 },
    #[error("cannot become {wanted}: {error}")]
    Refused { wanted: String, error: String },
}

/// The two files, as text.
pub(crate) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    pub(crate) fn read(etc: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(etc.join(name)).unwrap_or_default();
        Self {
            passwd: text("passwd"),
            group: text("group"),
        }
    }

    /// Resolves `user` and `group`; `user` may be `name:group`, as Compose writes it.
    pub(crate) fn resolve(
        &self,
        user: Option<&str>,
        group: Option<&str>,
    ) -> Result<Option<Identity>, UserError> {
        let (user, inner) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((user, group)) => (Some(user), Some(group).filter(|group| !group.is_empty())),
            None => (None, None),
        };
        let group = group.or(inner);
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let (uid, primary, name) = match user {
            Some(user) => self.user(user)?,
            None => (
                rustix::process::getuid().as_raw(),
                rustix::process::getgid().as_raw(),
                None,
            ),
        };
        let gid = group.map_or(Ok(primary), |group| self.group(group))?;
        let groups = name.map_or_else(Vec::new, |name| self.groups_of(name));
        Ok(Some(Identity {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            groups: groups.into_iter().map(Gid::from_raw).collect(),
        }))
    }

    /// uid, primary gid and name; a number needs no entry, and has then group 0 as in Docker.
    fn user(&self, user: &str) -> Result<(u32, u32, Option<&str>), UserError> {
        let number = user.parse::<u32>().ok();
        for line in self.passwd.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(uid), Some(gid)) = (fields.next(), fields.nth(1), fields.next())
            else {
                continue;
            };
            let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else {
                continue;
            };
            if name == user || number == Some(uid) {
                return Ok((uid, gid, Some(name)));
            }
        }
        number
            .map(|uid| (uid, 0, None))
            .ok_or_else(|| UserError::NoUser(user.to_owned()))
    }

    fn group(&self, group: &str) -> Result<u32, UserError> {
        if let Ok(number) = group.parse() {
            return Ok(number);
        }
        self.group_lines()
            .find(|(name, _, _)| *name == group)
            .map(|(_, gid, _)| gid)
            .ok_or_else(|| UserError::NoGroup(group.to_owned()))
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        self.group_lines()
            .filter(|(_, _, members)| members.split(',').any(|member| member == user))
            .map(|(_, gid, _)| gid)
            .collect()
    }

    /// name, gid, members
    fn group_lines(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let gid = fields.nth(1)?.parse().ok()?;
            Some((name, gid, fields.next()?))
        })
    }
}

/// Becomes `identity` for good. Nothing is done where this process is that already.
pub(crate) fn become_user(identity: &Identity) -> Result<(), UserError> {
    let (own_uid, own_gid) = (rustix::process::getuid(), rustix::process::getgid());
    let wanted = || format!("uid {} gid {}", identity.uid, identity.gid);
    if !own_uid.is_root() {
        if identity.uid == own_uid && identity.gid == own_gid {
            return Ok(());
        }
        return Err(UserError::NotRoot {
            wanted: wanted(),
            own: own_uid.as_raw(),
        });
    }
    // The process has one thread, so what holds for the thread holds for the process.
    rustix::thread::set_thread_groups(&identity.groups)
        .and_then(|()| rustix::thread::set_thread_res_gid(identity.gid, identity.gid, identity.gid))
        .and_then(|()| rustix::thread::set_thread_res_uid(identity.uid, identity.uid, identity.uid))
        .map_err(|error| UserError::Refused {
            wanted: wanted(),
            error: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:w:/:/bin/false\nbroken\n".into(),
            group: "root:x:0:\nweb:x:34:\nlog:x:4:root,web\ntape:x:26:other\n".into(),
        }
    }

    fn ids(user: Option<&str>, group: Option<&str>) -> Option<(u32, u32, Vec<u32>)> {
        accounts().resolve(user, group).unwrap().map(|identity| {
            (
                identity.uid.as_raw(),
                identity.gid.as_raw(),
                identity.groups.iter().map(|gid| gid.as_raw()).collect(),
            )
        })
    }

    #[test]
    fn names_and_numbers_are_resolved() {
        assert_eq!(ids(None, None), None);
        assert_eq!(ids(Some("web"), None), Some((33, 34, vec![4])));
        assert_eq!(ids(Some("33"), None), Some((33, 34, vec![4])));
        assert_eq!(ids(Some("web:tape"), None), Some((33, 26, vec![4])));
        assert_eq!(ids(Some("web"), Some("7")), Some((33, 7, vec![4])));
        assert_eq!(ids(Some("5000"), None), Some((5000, 0, vec![])));
    }

    #[test]
    fn unknown_names_are_errors() {
        assert_eq!(
            accounts().resolve(Some("nobody-here"), None),
            Err(UserError::NoUser("nobody-here".into()))
        );
        assert_eq!(
            accounts().resolve(Some("web"), Some("none")),
            Err(UserError::NoGroup("none".into()))
        );
    }
}
