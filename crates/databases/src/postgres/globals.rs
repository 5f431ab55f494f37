//! What a dump of one database leaves out and a restore needs: roles, memberships, and what is set on the
//! database itself. It travels in the details of the dump, as JSON, without passwords.

use super::sql::{identifier, literal};
use crate::database::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The key among the details of a dump.
pub(crate) const KEY: &str = "globals";

/// Answers one line of JSON.
pub(crate) const QUERY: &str = "\
SELECT json_build_object(
 'roles', (SELECT coalesce(json_agg(json_build_object('name', rolname, 'superuser', rolsuper, 'inherit', rolinherit,
   'createrole', rolcreaterole, 'createdb', rolcreatedb, 'login', rolcanlogin, 'replication', rolreplication,
   'bypassrls', rolbypassrls, 'settings', (SELECT setconfig FROM pg_db_role_setting s WHERE s.setrole = r.oid AND
   s.setdatabase = 0))), '[]') FROM pg_roles r WHERE rolname !~ '^pg_'),
 'members', (SELECT coalesce(json_agg(json_build_object('role', a.rolname, 'member', b.rolname, 'admin',
   m.admin_option)), '[]') FROM pg_auth_members m JOIN pg_roles a ON a.oid = m.roleid JOIN pg_roles b ON b.oid =
   m.member WHERE b.rolname !~ '^pg_'),
 'database', (SELECT json_build_object('owner', pg_get_userbyid(d.datdba), 'encoding',
   pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
   'provider', to_jsonb(d)->>'datlocprovider',
   'locale', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'),
   'limit', d.datconnlimit, 'comment', shobj_description(d.oid, 'pg_database'),
   'settings', (SELECT coalesce(json_agg(json_build_object('role', r.rolname, 'values', s.setconfig)), '[]') FROM
     pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid),
   'grants', (SELECT json_agg(json_build_object('to', r.rolname, 'privilege', x.privilege_type, 'grantable',
     x.is_grantable)) FROM aclexplode(d.datacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee))
   FROM pg_database d WHERE d.datname = NAME))::text;";

/// Settings whose value is a list of names: each is quoted for itself
/// (`GUC_LIST_QUOTE` of PostgreSQL's `guc_tables`).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Globals {
    pub(crate) roles: Vec<Role>,
    pub(crate) members: Vec<Membership>,
    /// `None` where the database is not there.
    pub(crate) database: Option<Settings>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    superuser: bool,
    inherit: bool,
    createrole: bool,
    createdb: bool,
    login: bool,
    replication: bool,
    bypassrls: bool,
    settings: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Membership {
    role: String,
    member: String,
    admin: bool,
}

/// What is set on a database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    owner: String,
    encoding: String,
    collate: String,
    ctype: String,
    /// `c`, `i` or `b`; from PostgreSQL 15.
    provider: Option<String>,
    locale: Option<String>,
    limit: i64,
    comment: Option<String>,
    #[serde(rename = "settings")]
    sets: Vec<RoleSettings>,
    /// `None`: those that every database has.
    grants: Option<Vec<Grant>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RoleSettings {
    /// `None`: for everybody.
    role: Option<String>,
    values: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Grant {
    /// `None`: everybody.
    to: Option<String>,
    privilege: String,
    grantable: bool,
}

impl Globals {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| {
            Failure::new(format!(
                "roles and settings of a dump cannot be read: {error}"
            ))
        })
    }

    /// Takes out the settings that an application made up (`app.jwt_secret`): their values may be secrets. Answers
    /// their names.
    pub(crate) fn without_own_settings(&mut self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let roles = self
            .roles
            .iter_mut()
            .filter_map(|role| role.settings.as_mut());
        let sets = self
            .database
            .iter_mut()
            .flat_map(|database| &mut database.sets);
        for values in roles.chain(sets.map(|set| &mut set.values)) {
            let own = values.iter().filter(|value| is_own(value));
            names.extend(own.filter_map(|value| Some(value.split_once('=')?.0.to_owned())));
            values.retain(|value| !is_own(value));
        }
        names
    }

    /// Creates the roles that are not among `existing`, without password and log-in; answers the SQL and their
    /// names.
    pub(crate) fn create_roles(&self, existing: &BTreeSet<String>) -> (String, Vec<String>) {
        let missing: Vec<&Role> = self
            .roles
            .iter()
            .filter(|role| !existing.contains(&role.name))
            .collect();
        let mut sql = String::new();
        for role in &missing {
            let name = identifier(&role.name);
            let _ = write!(sql, "CREATE ROLE {name} NOLOGIN");
            let attributes = [
                (role.superuser, " SUPERUSER"),
                (!role.inherit, " NOINHERIT"),
                (role.createrole, " CREATEROLE"),
                (role.createdb, " CREATEDB"),
                (role.replication, " REPLICATION"),
                (role.bypassrls, " BYPASSRLS"),
            ];
            for (_, word) in attributes.iter().filter(|(set, _)| *set) {
                sql.push_str(word);
            }
            sql.push_str(";\n");
            for value in role.settings.iter().flatten() {
                let _ = writeln!(sql, "ALTER ROLE {name} SET {};", assignment(value));
            }
        }
        let new: BTreeSet<&str> = missing.iter().map(|role| role.name.as_str()).collect();
        for member in &self.members {
            if new.contains(member.member.as_str()) || new.contains(member.role.as_str()) {
                let admin = if member.admin {
                    " WITH ADMIN OPTION"
                } else {
                    ""
                };
                let (role, member) = (identifier(&member.role), identifier(&member.member));
                let _ = writeln!(sql, "GRANT {role} TO {member}{admin};");
            }
        }
        let names = missing.iter().map(|role| role.name.clone()).collect();
        (sql, names)
    }
}

impl Settings {
    /// Takes over from `here` what [`Globals::without_own_settings`] leaves out.
    pub(crate) fn with_own_settings_of(mut self, here: Option<&Settings>) -> Self {
        for set in here.iter().flat_map(|here| &here.sets) {
            let values = set
                .values
                .iter()
                .filter(|value| is_own(value))
                .cloned()
                .collect();
            self.sets.push(RoleSettings {
                role: set.role.clone(),
                values,
            });
        }
        self
    }

    /// Everything but what it is called.
    pub(crate) fn create(&self, name: &str, version: u32) -> String {
        let mut sql = format!(
            "CREATE DATABASE {} WITH TEMPLATE template0 OWNER {} ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            identifier(name),
            identifier(&self.owner),
            literal(&self.encoding),
            literal(&self.collate),
            literal(&self.ctype),
        );
        let locale = self.locale.as_deref().filter(|_| version >= 150_000);
        match (self.provider.as_deref(), locale) {
            (Some("i"), Some(locale)) => {
                let _ = write!(sql, " LOCALE_PROVIDER icu ICU_LOCALE {}", literal(locale));
            }
            (Some("b"), Some(locale)) => {
                let _ = write!(
                    sql,
                    " LOCALE_PROVIDER builtin BUILTIN_LOCALE {}",
                    literal(locale)
                );
            }
            _ => {}
        }
        let _ = writeln!(sql, " CONNECTION LIMIT {};", self.limit);
        sql
    }

    /// Grants, comment and settings, which `CREATE DATABASE` does not take.
    pub(crate) fn decorate(&self, name: &str) -> String {
        let name = identifier(name);
        let mut sql = String::new();
        if let Some(comment) = &self.comment {
            let _ = writeln!(sql, "COMMENT ON DATABASE {name} IS {};", literal(comment));
        }
        if let Some(grants) = &self.grants {
            let _ = writeln!(sql, "REVOKE ALL ON DATABASE {name} FROM PUBLIC;");
            let known = ["CREATE", "CONNECT", "TEMPORARY", "TEMP"];
            for grant in grants
                .iter()
                .filter(|grant| known.contains(&grant.privilege.as_str()))
            {
                let to = grant.to.as_deref().map_or("PUBLIC".to_owned(), identifier);
                let option = if grant.grantable {
                    " WITH GRANT OPTION"
                } else {
                    ""
                };
                let _ = writeln!(
                    sql,
                    "GRANT {} ON DATABASE {name} TO {to}{option};",
                    grant.privilege
                );
            }
        }
        for group in &self.sets {
            let whose = match &group.role {
                Some(role) => format!("ROLE {} IN DATABASE {name}", identifier(role)),
                None => format!("DATABASE {name}"),
            };
            for value in &group.values {
                let _ = writeln!(sql, "ALTER {whose} SET {};", assignment(value));
            }
        }
        sql
    }
}

/// Whether a setting is none of the server's: its name has a dot.
fn is_own(setting: &str) -> bool {
    setting.split('=').next().unwrap_or_default().contains('.')
}

/// `name=value` as the catalogue has it, as SQL.
fn assignment(setting: &str) -> String {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    let value = if LISTS.contains(&name) {
        let names: Vec<String> = names(value).iter().map(|name| literal(name)).collect();
        if names.is_empty() {
            "''".to_owned()
        } else {
            names.join(", ")
        }
    } else {
        literal(value)
    };
    let name: Vec<String> = name.split('.').map(identifier).collect();
    format!("{} TO {value}", name.join("."))
}

/// A list of names, some of them quoted.
fn names(list: &str) -> Vec<String> {
    let (mut all, mut name, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = list.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut name)),
            space if !quoted && space.is_whitespace() => {}
            other => name.push(other),
        }
    }
    all.push(name);
    all.retain(|name| !name.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_quoted_name_by_name() {
        assert_eq!(
            assignment("search_path=\"$user\", public"),
            "\"search_path\" TO '$user', 'public'"
        );
        assert_eq!(assignment("app.mode=it's"), "\"app\".\"mode\" TO 'it''s'");
    }

    #[test]
    fn what_may_be_a_secret_stays_where_it_is() {
        let text = |values: &str| {
            format!(
                r#"{{"roles": [], "members": [], "database": {{"owner": "a", "encoding": "UTF8", "collate": "C",
                "ctype": "C", "provider": "c", "locale": null, "limit": -1, "comment": null, "settings":
                [{{"role": null, "values": {values}}}], "grants": null}}}}"#
            )
        };
        let mut there =
            Globals::parse(&text(r#"["app.jwt_secret=hunter2", "work_mem=8MB"]"#)).unwrap();
        let names = there.without_own_settings();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["app.jwt_secret"]);
        assert!(!serde_json::to_string(&there).unwrap().contains("hunter2"));
        let here = Globals::parse(&text(r#"["app.jwt_secret=new", "work_mem=1MB"]"#)).unwrap();
        let both = there
            .database
            .unwrap()
            .with_own_settings_of(here.database.as_ref());
        let sql = both.decorate("x");
        assert!(sql.contains("\"jwt_secret\" TO 'new'"), "{sql}");
        assert!(sql.contains("8MB") && !sql.contains("1MB"), "{sql}");
    }

    #[test]
    fn only_missing_roles_are_created_and_cannot_log_in() {
        let globals = Globals::parse(
            r#"{"roles": [{"name": "a", "superuser": false, "inherit": true, "createrole": false, "createdb": true,
            "login": true, "replication": false, "bypassrls": false, "settings": null},
            {"name": "b", "superuser": false, "inherit": true, "createrole": false, "createdb": false, "login": true,
            "replication": false, "bypassrls": false, "settings": null}],
            "members": [{"role": "b", "member": "a", "admin": false}], "database": null}"#,
        )
        .unwrap();
        let (sql, names) = globals.create_roles(&BTreeSet::from(["b".to_owned()]));
        assert_eq!(names, ["a"]);
        assert_eq!(
            sql,
            "CREATE ROLE \"a\" NOLOGIN CREATEDB;\nGRANT \"b\" TO \"a\";\n"
        );
    }
}
