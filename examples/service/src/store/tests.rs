//! The store on SQLite; the same on PostgreSQL runs with the whole service in `tests/`.

use super::*;
use crate::moment::Moment;

/// Goes with its folder.
pub(crate) struct Scratch {
    pub(crate) store: Store,
    _folder: tempfile::TempDir,
}

/// A database of one's own, with a profile's tables.
pub(crate) async fn scratch(schema: &str) -> Scratch {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("deep/er/jobs.db"));
    Scratch {
        store: Store::open(&location, schema, 1).await.unwrap(),
        _folder: folder,
    }
}

#[tokio::test]
async fn a_session_ends() {
    let scratch = scratch("").await;
    let store = &scratch.store;
    let user = User {
        name: "ann".to_owned(),
        password: "hash".to_owned(),
        admin: true,
    };
    store.put_user(&user).await.unwrap();
    store
        .put_session("token", "ann", Moment(0), Moment(10))
        .await
        .unwrap();
    let session = store.session("token", Moment(9)).await.unwrap();
    assert_eq!(session, Some(("ann".to_owned(), true)));
    assert_eq!(store.session("token", Moment(10)).await.unwrap(), None);
    store.end_session("token").await.unwrap();
    assert_eq!(store.session("token", Moment(9)).await.unwrap(), None);
}

#[test]
fn both_kinds_of_address_are_understood() {
    for (url, kind) in [
        ("sqlite:./data/x.db", "sqlite"),
        ("sqlite:///var/x.db", "sqlite"),
        ("postgres://a@b/c", "postgresql"),
        ("postgresql://a@b/c", "postgresql"),
    ] {
        assert_eq!(Location::parse(url).unwrap().kind(), kind);
    }
    assert_eq!(
        Location::parse("sqlite:///var/x.db").unwrap(),
        Location::Sqlite("/var/x.db".into())
    );
    assert!(Location::parse("mysql://a").is_err());
}
