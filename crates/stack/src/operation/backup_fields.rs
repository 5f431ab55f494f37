//! The fields of `backups`.

use crate::grammar::{Key, Merge, Section, Shape};
use crate::keys::TEXTS;

const fn section(name: &'static str, keys: &'static [Key]) -> Section {
    Section {
        name,
        keys,
        extensions: true,
    }
}

const fn key(name: &'static str, shape: Shape, text: &'static str) -> Key {
    Key::honoured(name, shape, text)
}

/// `backups`
pub(crate) static BACKUPS: Section = section(
    "backups",
    &[
        key(
            "enabled",
            Shape::Bool,
            "`false`: nothing is backed up by itself. Default `true`; `false` in development.",
        ),
        key(
            "repository",
            Shape::Short(&Shape::Section(&REPOSITORY)),
            "Where restore points lie; in short a directory. Left out: in the server's own data directory, on the same disk as everything else.",
        ),
        key(
            "copies",
            Shape::Named(&Shape::Section(&COPY)),
            "Further repositories, by names of your own. Each restore point is copied there and verified there.",
        ),
        key(
            "schedules",
            Shape::Named(&Shape::Short(&Shape::Section(&SCHEDULE))),
            "When restore points are made, by names of your own; in short a cron expression. Left out: daily at 02:00 UTC.",
        ),
        key(
            "keep",
            Shape::Section(&KEEP),
            "Which restore points stay in the repository. Left out: 7 daily, 4 weekly, 12 monthly. The last that a drill restored always stays.",
        ),
        key(
            "objectives",
            Shape::Section(&OBJECTIVES),
            "What is promised; measured by drills and restores, and checked against the schedules.",
        ),
        key(
            "drill",
            Shape::Short(&Shape::Section(&DRILL)),
            "When a restore into a scratch engine is tried; in short a cron expression. Left out: Sundays at 04:00 UTC.",
        ),
        key(
            "secrets",
            Shape::Word(&["include", "leave"]),
            "`include`: the values of secrets are in restore points too, for whoever has the key. Default `leave`.",
        ),
        key(
            "before_deploy",
            Shape::Word(&["always", "migrations", "never"]),
            "Whether a deploy makes a restore point first. Default `always` in production and recovery, `migrations` elsewhere, `never` where backups are off.",
        ),
        key(
            "sources",
            Shape::Named(&Shape::Section(&BACKUP_SOURCE)),
            "What is backed up, by names of your own. Databases, volumes and directories that the services use are found by themselves; what stands here is added, or says more about one that was found.",
        ),
    ],
);

/// `repository`
pub(super) static REPOSITORY: Section = section(
    "repository",
    &[
        key(
            "directory",
            Shape::Text,
            "A directory, relative to the project.",
        ),
        key(
            "s3",
            Shape::Section(&S3),
            "A bucket of S3, or of what speaks like it.",
        ),
        key(
            "key",
            Shape::Text,
            "The secret that opens it. Left out: the server makes a key; `mainstay backup key export` shows it.",
        ),
        key(
            "compression",
            Shape::Integer,
            "Of zstd, 1 to 22; 0: none. Default 3.",
        ),
        key(
            "bandwidth",
            Shape::Size,
            "Bytes a second, to and from it. Left out: as fast as it goes.",
        ),
    ],
);

/// `s3`
pub(super) static S3: Section = section(
    "s3",
    &[
        key(
            "endpoint",
            Shape::Text,
            "Its URL. Left out: Amazon's, of the region.",
        ),
        key("bucket", Shape::Text, "The bucket."),
        key(
            "prefix",
            Shape::Text,
            "What every object's name begins with. Left out: nothing.",
        ),
        key("region", Shape::Text, "Default `us-east-1`."),
        key(
            "path_style",
            Shape::Bool,
            "The bucket stands in the path and not in the host. Default `true` with an `endpoint`, `false` at Amazon.",
        ),
        key(
            "access_key",
            Shape::Text,
            "The secret that is the access key's id.",
        ),
        key(
            "secret_key",
            Shape::Text,
            "The secret that is the secret access key.",
        ),
        key(
            "session_token",
            Shape::Text,
            "The secret that is the session token, where there is one.",
        ),
    ],
);

/// One entry of `copies`.
pub(super) static COPY: Section = section(
    "copy",
    &[
        key(
            "repository",
            Shape::Short(&Shape::Section(&REPOSITORY)),
            "Where it is; in short a directory.",
        ),
        key(
            "keep",
            Shape::Section(&KEEP),
            "What stays there. Left out: as in the repository.",
        ),
    ],
);

/// One entry of `schedules`.
pub(super) static SCHEDULE: Section = section(
    "schedule",
    &[
        key("cron", Shape::Text, "Five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`. What was missed while nothing ran is caught up on once."),
        key("zone", Shape::Text, "Time zone by its IANA name. Default `UTC`."),
        key("jitter", Shape::Duration, "Each run is later by less than this. Default `0s`."),
        key("what", TEXTS, "`full`, or names of sources or kinds of them (`postgresql`, `redis`, `mysql`, `sqlite`, `volume`, `directory`, `command`). Default `full`.").merged(Merge::Replace),
    ],
);

/// `keep`
pub(super) static KEEP: Section = section(
    "keep",
    &[
        key("last", Shape::Integer, "The newest ones."),
        key(
            "hourly",
            Shape::Integer,
            "The newest of each of this many hours.",
        ),
        key(
            "daily",
            Shape::Integer,
            "The newest of each of this many days.",
        ),
        key(
            "weekly",
            Shape::Integer,
            "The newest of each of this many weeks.",
        ),
        key(
            "monthly",
            Shape::Integer,
            "The newest of each of this many months.",
        ),
        key(
            "yearly",
            Shape::Integer,
            "The newest of each of this many years.",
        ),
        key("within", Shape::Duration, "Everything younger: `30d`."),
    ],
);

/// `objectives` of backups.
pub(super) static OBJECTIVES: Section = section(
    "objectives of backups",
    &[
        key(
            "rpo",
            Shape::Duration,
            "Recovery point objective: no more than this much time is lost. `check` refuses one that the schedules cannot keep.",
        ),
        key(
            "rto",
            Shape::Duration,
            "Recovery time objective: it runs again after this time.",
        ),
    ],
);

/// `drill`
pub(super) static DRILL: Section = section(
    "drill",
    &[
        key(
            "enabled",
            Shape::Bool,
            "`false`: nothing is tried by itself. Default `true`.",
        ),
        key("cron", Shape::Text, "When. Default `0 4 * * sun`."),
        key(
            "zone",
            Shape::Text,
            "Time zone by its IANA name. Default `UTC`.",
        ),
        key(
            "jitter",
            Shape::Duration,
            "Each run is later by less than this. Default `0s`.",
        ),
        key(
            "sources",
            TEXTS,
            "What is restored: `full`, or names or kinds of sources. Default `full`.",
        )
        .merged(Merge::Replace),
        key(
            "boot",
            Shape::Text,
            "A service that is started against the copy and asked whether it is healthy. Left out: none.",
        ),
        key(
            "timeout",
            Shape::Duration,
            "Of the whole drill. Default `4h`.",
        ),
    ],
);

/// One entry of `sources`.
pub(super) static BACKUP_SOURCE: Section = section(
    "backup source",
    &[
        key(
            "enabled",
            Shape::Bool,
            "`false`: it is left out, also where it was found by itself. Default `true`.",
        ),
        key(
            "postgresql",
            Shape::Short(&Shape::Section(&POSTGRESQL)),
            "A database of a PostgreSQL; in short its service.",
        ),
        key(
            "redis",
            Shape::Short(&Shape::Section(&REDIS)),
            "A Redis; in short its service.",
        ),
        key(
            "mysql",
            Shape::Short(&Shape::Section(&MYSQL)),
            "A database of a MySQL or MariaDB; in short its service.",
        ),
        key(
            "sqlite",
            Shape::Short(&Shape::Section(&SQLITE)),
            "A SQLite database; in short its file.",
        ),
        key(
            "volume",
            Shape::Short(&Shape::Section(&VOLUME)),
            "The files of a volume; in short its name.",
        ),
        key(
            "directory",
            Shape::Short(&Shape::Section(&DIRECTORY)),
            "The files of a directory of the machine; in short its path.",
        ),
        key(
            "command",
            Shape::Section(&COMMAND),
            "What a command prints, for anything else.",
        ),
        key("timeout", Shape::Duration, "Of one copy. Default `2h`."),
        key(
            "minimum",
            Shape::Size,
            "A smaller copy is a failure. Left out: only an empty one, and one that is much smaller than usual is warned about.",
        ),
        key(
            "query",
            Shape::Text,
            "Asked of the restored copy in a drill: its first value has to be true, and not nought.",
        ),
    ],
);

/// `postgresql` of a source.
pub(super) static POSTGRESQL: Section = section(
    "postgresql source",
    &[
        key(
            "service",
            Shape::Text,
            "The service that is the PostgreSQL.",
        ),
        key(
            "database",
            Shape::Text,
            "Left out: `POSTGRES_DB` of the service, else the one called as the user.",
        ),
        key(
            "user",
            Shape::Text,
            "Left out: `POSTGRES_USER` of the service, else `postgres`.",
        ),
        key(
            "secret",
            Shape::Text,
            "The secret that is the user's password. Left out: the one that the service has.",
        ),
        key(
            "wal",
            Shape::Short(&Shape::Section(&WAL)),
            "`true`: its log is received all the time, so that any moment can be gone back to. Default `false`.",
        ),
        key(
            "checksums",
            Shape::Bool,
            "Content is compared in drills, beside the number of rows. Default `true`.",
        ),
    ],
);

/// `wal` of a PostgreSQL.
pub(super) static WAL: Section = section(
    "wal",
    &[
        key(
            "enabled",
            Shape::Bool,
            "Default `true`, once there is a `wal`.",
        ),
        key(
            "every",
            Shape::Duration,
            "The log is in the repository after this time at the latest: what can be lost. Default `1m`.",
        ),
    ],
);

/// `redis` of a source.
pub(super) static REDIS: Section = section(
    "redis source",
    &[
        key("service", Shape::Text, "The service that is the Redis."),
        key(
            "secret",
            Shape::Text,
            "The secret that is its password. Left out: the one that the service has.",
        ),
    ],
);

/// `mysql` of a source.
pub(super) static MYSQL: Section = section(
    "mysql source",
    &[
        key(
            "service",
            Shape::Text,
            "The service that is the MySQL or MariaDB.",
        ),
        key(
            "database",
            Shape::Text,
            "Left out: `MYSQL_DATABASE` or `MARIADB_DATABASE` of the service.",
        ),
        key(
            "user",
            Shape::Text,
            "Left out: `root` where the service has its password, else `MYSQL_USER` or `MARIADB_USER`.",
        ),
        key(
            "secret",
            Shape::Text,
            "The secret that is the user's password. Left out: the one that the service has.",
        ),
        key(
            "checksums",
            Shape::Bool,
            "Content is compared in drills, beside the number of rows. Default `true`.",
        ),
    ],
);

/// `sqlite` of a source.
pub(super) static SQLITE: Section = section(
    "sqlite source",
    &[
        key(
            "service",
            Shape::Text,
            "Whose path it is. Left out: the machine's, relative to the project.",
        ),
        key("path", Shape::Text, "The file."),
    ],
);

const EXCLUDE: Key = key(
    "exclude",
    TEXTS,
    "Patterns of paths within it that are left out: `cache/**`, `*.tmp`.",
)
.merged(Merge::Replace);
const BEFORE: Key = key(
    "before",
    Shape::OneOrMore(&Shape::Command),
    "Commands before its files are read, so that they stand still; one that fails makes the copy fail.",
)
.merged(Merge::Replace);
const AFTER: Key = key(
    "after",
    Shape::OneOrMore(&Shape::Command),
    "Commands when its files were read, also where that failed.",
)
.merged(Merge::Replace);
const WHERE: Key = key(
    "service",
    Shape::Text,
    "Where `before` and `after` are run. Left out: on the machine, in the project's directory.",
);

/// `volume` of a source.
pub(super) static VOLUME: Section = section(
    "volume source",
    &[
        key("volume", Shape::Text, "Its name in the Compose files."),
        WHERE,
        EXCLUDE,
        BEFORE,
        AFTER,
    ],
);

/// `directory` of a source.
pub(super) static DIRECTORY: Section = section(
    "directory source",
    &[
        key("path", Shape::Text, "Relative to the project."),
        WHERE,
        EXCLUDE,
        BEFORE,
        AFTER,
    ],
);

/// `command` of a source.
pub(super) static COMMAND: Section = section(
    "command source",
    &[
        key(
            "service",
            Shape::Text,
            "Where it is run. Left out: on the machine, in the project's directory.",
        ),
        key(
            "dump",
            Shape::Command,
            "What it prints is saved; exit code 0 says that it was all.",
        )
        .merged(Merge::Replace),
        key(
            "restore",
            Shape::Command,
            "Gets it back on its standard input. Left out: it is put beside as a file.",
        )
        .merged(Merge::Replace),
    ],
);

/// In the order of the reference page.
pub(super) fn sections() -> [&'static Section; 17] {
    [
        &BACKUPS,
        &REPOSITORY,
        &S3,
        &COPY,
        &SCHEDULE,
        &KEEP,
        &OBJECTIVES,
        &DRILL,
        &BACKUP_SOURCE,
        &POSTGRESQL,
        &WAL,
        &REDIS,
        &MYSQL,
        &SQLITE,
        &VOLUME,
        &DIRECTORY,
        &COMMAND,
    ]
}
