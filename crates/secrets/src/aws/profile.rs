//! `~/.aws/credentials` and `~/.aws/config`: keys and region of a profile.

use super::Credentials;
use crate::fetch::Stores;
use mainstay_model::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a profile says, both files together; the credentials file wins.
type Profile = BTreeMap<String, Secret<String>>;

/// Ways to credentials that a profile may name and that are not followed here.
const OTHER_WAYS: [&str; 6] = [
    "credential_process",
    "credential_source",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// The keys of the profile; `Err`: the way that it names instead.
pub(super) fn credentials(stores: &Stores) -> Result<Option<Credentials>, &'static str> {
    let profile = read(stores);
    let text = |name: &str| profile.get(name).map(|value| value.expose().clone());
    let (Some(access_key), Some(secret_key)) =
        (text("aws_access_key_id"), text("aws_secret_access_key"))
    else {
        let other = OTHER_WAYS.iter().find(|way| profile.contains_key(**way));
        return other.map_or(Ok(None), |way| Err(way));
    };
    Ok(Some(Credentials {
        access_key,
        secret_key: Secret::new(secret_key),
        token: text("aws_session_token").map(Secret::new),
    }))
}

pub(super) fn region(stores: &Stores) -> Option<String> {
    let profile = read(stores);
    profile.get("region").map(|region| region.expose().clone())
}

pub(super) fn name(stores: &Stores) -> &str {
    stores.variable("AWS_PROFILE").unwrap_or("default")
}

fn read(stores: &Stores) -> Profile {
    let name = name(stores);
    let mut profile = Profile::new();
    let in_config = match name {
        "default" => "default".to_owned(),
        name => format!("profile {name}"),
    };
    for (variable, file, section) in [
        ("AWS_CONFIG_FILE", "config", in_config.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ] {
        let own = || stores.home.join(".aws").join(file);
        let path = stores.variable(variable).map_or_else(own, PathBuf::from);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        profile.extend(parse(&text, section));
    }
    profile
}

/// The pairs of one section. Nested values, which are indented, belong to no key of ours.
fn parse(text: &str, wanted: &str) -> Profile {
    let mut within = false;
    let mut found = Profile::new();
    for line in text.lines() {
        if line.starts_with(['#', ';']) || line.starts_with(char::is_whitespace) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default();
            let words: Vec<&str> = section.split_whitespace().collect();
            within = words.join(" ") == wanted;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| within) {
            let value = value.trim().to_owned();
            found.insert(key.trim().to_ascii_lowercase(), Secret::new(value));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_its_section_and_nothing_else() {
        let text = "\
[default]
aws_access_key_id = A
# [profile x]
s3 =
  region = nested
[ profile   shop ]
region=eu-central-1
AWS_SECRET_ACCESS_KEY = a=b=c
[other]
region = elsewhere
";
        let shop = parse(text, "profile shop");
        assert_eq!(shop["region"].expose(), "eu-central-1");
        assert_eq!(shop["aws_secret_access_key"].expose(), "a=b=c");
        assert_eq!(shop.len(), 2);
        let default = parse(text, "default");
        assert!(!default.contains_key("region"));
    }
}
