//! Where restore points go once a stack was recovered: what its files name may have been lost with the machine.
//!
//! **Invariant:** it is known before anything is brought back, and nothing goes to a directory of the lost machine that
//! only has its name here.

use super::repository::store;
use crate::arguments::RecoverArguments;
use crate::failure::{Failure, Outcome};
use mainstay_backup::StoreAt;
use mainstay_server::api::types::Instead;
use mainstay_stack::RepositoryAt;
use std::path::Path;

/// What stands in for the repository that the stack names; `None`: nothing has to. `directory`: where the stack is.
pub fn instead(
    arguments: &RecoverArguments,
    named: &RepositoryAt,
    directory: &Path,
) -> Outcome<Option<Instead>> {
    if let Some(text) = &arguments.repository {
        let store = store(text, &arguments.region)?;
        return Ok(Some(Instead {
            lost: named.clone(),
            store,
        }));
    }
    let RepositoryAt::Directory { path } = named else {
        return Ok(None);
    };
    // What lies below the stack came back with it, or is made anew with it.
    if path.is_dir() || path.starts_with(directory) {
        return Ok(None);
    }
    let path = path.display();
    Err(Failure::input(format!(
        "restore points would go to `{path}` from now on, and there is no such directory here"
    ))
    .hint(format!(
        "say where they go: `--repository DIR`, or `--repository {}` to go on with that one; or mount what was there, and ask again",
        arguments.from
    )))
}

/// What is to be known of it, once it is so.
pub fn told(place: &str, instead: Option<&Instead>) -> String {
    let mut text = format!("restore points go to {place} from now on");
    if let Some(Instead { lost, store }) = instead {
        let lost = match lost {
            RepositoryAt::Server => "the server's own directory".to_owned(),
            RepositoryAt::Directory { path } => path.display().to_string(),
            RepositoryAt::S3(s3) => format!("bucket {}", s3.bucket),
        };
        text = format!(
            "{text}, in place of {lost}: write that into `backups.repository` of mainstay.yaml"
        );
        if matches!(store, StoreAt::Directory(_)) {
            text = format!("{text}, and see that it lies on another disk");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(repository: Option<&str>, named: &RepositoryAt) -> Outcome<Option<Instead>> {
        instead(&arguments(repository), named, Path::new("/new/place"))
    }

    fn arguments(repository: Option<&str>) -> RecoverArguments {
        RecoverArguments {
            path: None,
            from: "/mnt/copy".to_owned(),
            key_file: None,
            region: "us-east-1".to_owned(),
            repository: repository.map(str::to_owned),
            latest: true,
            to: None,
            point: None,
            environment: None,
            data_only: false,
        }
    }

    #[test]
    fn a_directory_that_was_lost_is_refused_until_another_is_named() {
        let lost = RepositoryAt::Directory {
            path: "/nowhere/at-all".into(),
        };
        let refused = of(None, &lost).unwrap_err();
        assert!(refused.hint.unwrap().contains("--repository /mnt/copy"));
        let named = of(Some("/mnt/new"), &lost).unwrap();
        let named = named.unwrap();
        assert_eq!(named.lost, lost);
        assert_eq!(named.store, StoreAt::Directory("/mnt/new".into()));
        let told = told("/mnt/new", Some(&named));
        assert!(told.contains("in place of /nowhere/at-all"), "{told}");
    }

    #[test]
    fn what_is_here_or_comes_with_the_stack_goes_on() {
        let here = tempfile::tempdir().unwrap();
        let places = [
            RepositoryAt::Server,
            RepositoryAt::Directory {
                path: here.path().to_owned(),
            },
            RepositoryAt::Directory {
                path: "/new/place/backups".into(),
            },
        ];
        for place in places {
            let goes_on = of(None, &place).unwrap();
            assert_eq!(goes_on, None);
        }
    }
}
