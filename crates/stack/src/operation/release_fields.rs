//! The fields of `policy`, `deploy.pipeline` and `deploy.migrations`.

use crate::grammar::{Key, Merge, Section, Shape};
use crate::keys::TEXTS;
use crate::policy::Day;

/// `environments.NAME.policy`
pub(super) static POLICY: Section = Section {
    name: "policy",
    extensions: true,
    keys: &[
        Key::honoured(
            "approval",
            Shape::Short(&Shape::Section(&APPROVAL)),
            "Somebody else has to agree to a deploy: `required`, how many people, or more about it. Left out: nobody.",
        ),
        Key::honoured(
            "tags_only",
            Shape::Text,
            "Deploys come from a version tag only: `v*`, or another pattern; `true` is `v*`. Left out: from anywhere.",
        ),
        Key::honoured(
            "windows",
            Shape::List(&Shape::Section(&WINDOW)),
            "When maintenance may be done; an empty list is any time. Default by purpose: any time in development, daily 02:00–04:00 UTC in staging, Sunday 04:00–06:00 UTC elsewhere.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "deploys",
            Shape::Word(&["anytime", "in-windows"]),
            "When deploys are allowed. Default `anytime`: a deploy loses no request.",
        ),
        Key::honoured(
            "auto_deploy",
            Shape::Short(&Shape::Section(&AUTO_DEPLOY)),
            "What `mainstay deploy --automatic` deploys, as in a CI job; a branch, or more about it. Left out: nothing.",
        ),
    ],
};

/// `policy.approval`
pub(super) static APPROVAL: Section = Section {
    name: "approval",
    extensions: true,
    keys: &[
        Key::honoured(
            "count",
            Shape::Text,
            "Different people that have to agree. Default 1.",
        ),
        Key::honoured(
            "role",
            Shape::Word(&["operator", "admin"]),
            "The role that may agree; a higher one may too. Default `admin`.",
        ),
        Key::honoured(
            "self_approval",
            Shape::Bool,
            "Whoever asked may agree as well, for those who work alone. Default `false`.",
        ),
        Key::honoured(
            "expires",
            Shape::Duration,
            "A request that nobody decided on ends then. Default `24h`.",
        ),
    ],
};

/// One entry of `policy.windows`
pub(super) static WINDOW: Section = Section {
    name: "window",
    extensions: true,
    keys: &[
        Key::honoured(
            "days",
            Shape::OneOrMore(&Shape::Word(&Day::WORDS)),
            "Days on which it opens. Left out: every day.",
        )
        .merged(Merge::Replace),
        Key::honoured("from", Shape::Text, "When it opens: `\"04:00\"`."),
        Key::honoured(
            "to",
            Shape::Text,
            "When it closes: `\"06:00\"`, up to `\"24:00\"`; not later than `from` is the next day.",
        ),
        Key::honoured(
            "zone",
            Shape::Text,
            "Time zone by its IANA name. Default `UTC`.",
        ),
    ],
};

/// `policy.auto_deploy`
pub(super) static AUTO_DEPLOY: Section = Section {
    name: "auto_deploy",
    extensions: true,
    keys: &[Key::honoured(
        "branch",
        TEXTS,
        "Branches, one or a list; `release/*` is allowed.",
    )
    .merged(Merge::Replace)],
};

/// `deploy.pipeline`
pub(super) static PIPELINE: Section = Section {
    name: "pipeline",
    extensions: true,
    keys: &[
        Key::honoured(
            "mode",
            Shape::Word(&["full", "none"]),
            "`full` or `none`. Default `full` in production and recovery, `none` elsewhere.",
        ),
        Key::honoured(
            "steps",
            Shape::Named(&Shape::Section(&STEP)),
            "Rules of the steps by name: `pre-checks`, `configuration`, `backup`, `update`, `health`, `load-test`, `alerts`, `release-notes`, `rollback-plan`, `watch`.",
        ),
    ],
};

/// One entry of `deploy.pipeline.steps`
pub(super) static STEP: Section = Section {
    name: "step",
    extensions: true,
    keys: &[
        Key::honoured(
            "command",
            Shape::OneOrMore(&Shape::Command),
            "Run in the stack's directory; exit code 0 passes. `backup`, `load-test` and `alerts` are done by it; `pre-checks`, `configuration` and `health` do it on top of their own.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "timeout",
            Shape::Duration,
            "Of all its commands. Default `10m`.",
        ),
        Key::honoured(
            "required",
            Shape::Bool,
            "A deploy is refused where it cannot be done, and goes back where it fails. Default `true` in production and recovery; elsewhere for `update` and `health`.",
        ),
        Key::honoured(
            "waive",
            Shape::Text,
            "Why it is left out; stands in the release's record.",
        ),
    ],
};

/// `deploy.migrations`
pub(super) static MIGRATIONS: Section = Section {
    name: "migrations",
    extensions: true,
    keys: &[
        Key::honoured(
            "service",
            Shape::Text,
            "Whose program, variables and user the commands have.",
        ),
        Key::honoured(
            "command",
            Shape::Command,
            "Brings the schema up to date. Run before the new release's instances start; where it fails nothing is replaced.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "downgrade",
            Shape::Command,
            "Takes it back, for `mainstay rollback --downgrade`. `MAINSTAY_SCHEMA_TO` holds the revision to go to.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "revision",
            Shape::Command,
            "Prints the schema's revision as its last line. Without it no rollback is refused for the schema's sake.",
        )
        .merged(Merge::Replace),
        Key::honoured(
            "timeout",
            Shape::Duration,
            "Of each of the commands. Default `10m`.",
        ),
    ],
};
