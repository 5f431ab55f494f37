//! Which parts of a copy are brought into a drill's network, and what is told as empty there.

use super::super::tests::{name, source, stack};
use super::*;
use mainstay_model::Timestamp;
use mainstay_stack::{DirectorySource, FilesSource, MountOptions, VolumeSource};

fn mount(kind: MountKind, source: &str, target: &str, read_only: bool) -> Mount {
    Mount {
        kind,
        source: source.to_owned(),
        target: target.to_owned(),
        read_only,
        options: MountOptions::default(),
    }
}

fn part(source: &str, kind: PartKind) -> Part {
    Part {
        source: source.to_owned(),
        kind,
        service: None,
        snapshot: String::new(),
        path: String::new(),
        taken: Timestamp::from_millis(0),
        bytes: 0,
        sha256: None,
        figures: None,
        details: BTreeMap::new(),
    }
}

/// `app` has uploads in a volume, models in a directory, and a cache that nobody backs up; `queue` reads the uploads.
fn bundle() -> Bundle {
    use MountKind::{Bind, Tmpfs, Volume};
    let mut stack = stack();
    let app = stack.services.get_mut(&name("app")).unwrap();
    app.image = Some("shop/app:1".to_owned());
    app.mounts = vec![
        mount(Volume, "uploads", "/app/uploads", false),
        mount(Bind, "/srv/models", "/app/models", true),
        mount(Bind, "/srv/models/own", "/app/own", false),
        mount(Bind, "/srv/settings", "/app/settings", true),
        mount(Volume, "cache", "/app/cache", false),
        mount(Tmpfs, "", "/tmp", false),
    ];
    let queue = stack.services.get_mut(&name("queue")).unwrap();
    queue.mounts = vec![mount(Volume, "uploads", "/in", true)];
    let db = stack.services.get_mut(&name("db")).unwrap();
    db.mounts = vec![mount(Volume, "rows", "/var/lib", false)];
    let uploads = SourceKind::Volume(VolumeSource {
        volume: "uploads".to_owned(),
        files: FilesSource::default(),
    });
    let models = SourceKind::Directory(DirectorySource {
        path: "/srv/models".into(),
        files: FilesSource::default(),
    });
    let sources = &mut stack.backups.sources;
    sources.insert("pictures".to_owned(), source(uploads));
    sources.insert("models".to_owned(), source(models));
    Bundle {
        stack,
        artifacts: BTreeMap::new(),
        images: BTreeMap::new(),
        files: BTreeMap::new(),
    }
}

#[test]
fn parts_go_where_what_they_are_a_copy_of_is_mounted() {
    let bundle = bundle();
    let scope = bundle.stack.scope();
    let cast = ["queue", "app", "db"].map(name);
    let parts = [
        part("pictures", PartKind::Volume),
        part("models", PartKind::Directory),
        part("db", PartKind::Postgresql),
        part("gone", PartKind::Volume),
    ];
    let files = of_parts(&bundle, &scope, &cast, &parts);
    let seen = |source: &str| -> Vec<String> {
        let all = files[source].seen.iter();
        all.map(|(service, target)| format!("{service}:{target}"))
            .collect()
    };
    assert_eq!(files.keys().collect::<Vec<_>>(), ["models", "pictures"]);
    assert_eq!(seen("pictures"), ["queue:/in", "app:/app/uploads"]);
    assert_eq!(seen("models"), ["app:/app/models"]);
    assert_eq!(files["models"].image, "shop/app:1");
    assert_eq!(
        files["models"].volume.name,
        "shop-dev_mainstay-drill_models"
    );
    // Of a service that is not there nothing is brought.
    let alone = of_parts(&bundle, &scope, &[name("db")], &parts);
    assert!(alone.is_empty());
}

#[test]
fn what_no_part_holds_is_told_by_name() {
    let bundle = bundle();
    let cast = ["queue", "app", "db"].map(name);
    let parts = [part("db", PartKind::Postgresql)];
    let told = |filled: &[&str]| -> Vec<String> {
        let is_filled = |_: &ServiceName, target: &str| filled.contains(&target);
        let all = empty(&bundle.stack, &cast, &parts, is_filled).into_iter();
        all.map(|(service, what)| format!("{service}:{what}"))
            .collect()
    };
    assert_eq!(
        told(&[]),
        [
            "queue:uploads",
            "app:uploads",
            "app:/srv/models/own",
            "app:cache"
        ],
        "neither what a database has nor what is only read from the machine"
    );
    let filled = told(&["/in", "/app/uploads"]);
    assert_eq!(filled, ["app:/srv/models/own", "app:cache"]);
}
