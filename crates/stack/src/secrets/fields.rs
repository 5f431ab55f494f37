//! Every field of a secret in `mainstay.yaml`.

use crate::grammar::{Key, Section, Shape};

/// One entry of `secrets`.
pub(crate) static SOURCE: Section = Section {
    name: "secret of mainstay.yaml",
    extensions: true,
    keys: &[
        Key::honoured(
            "from",
            Shape::Word(&["environment", "file", "age", "aws", "vault", "template"]),
            "Where its value comes from. Default `environment`.",
        ),
        Key::honoured(
            "variable",
            Shape::Text,
            "`environment`: the variable. Left out: the secret's name in capitals.",
        ),
        Key::honoured(
            "path",
            Shape::Text,
            "`file`: the file. `vault`: the path as the HTTP API has it, `kv/data/shop` for version 2 of the engine.",
        ),
        Key::honoured(
            "file",
            Shape::Text,
            "`age`: the encrypted file. Default `secrets.ENVIRONMENT.age`.",
        ),
        Key::honoured(
            "secret",
            Shape::Text,
            "`aws`: name or ARN in Secrets Manager.",
        ),
        Key::honoured(
            "version",
            Shape::Text,
            "`aws`: a version id or stage. `vault`: a number. Left out: the current one.",
        ),
        Key::honoured(
            "region",
            Shape::Text,
            "`aws`: left out, `AWS_REGION` or that of the profile.",
        ),
        Key::honoured(
            "endpoint",
            Shape::Text,
            "`aws`: another address than AWS's own.",
        ),
        Key::honoured("address", Shape::Text, "`vault`: left out, `VAULT_ADDR`."),
        Key::honoured(
            "namespace",
            Shape::Text,
            "`vault`: left out, `VAULT_NAMESPACE`.",
        ),
        Key::honoured(
            "key",
            Shape::Text,
            "The one key of a value that is JSON. `age`: the name in the file, where it is another.",
        ),
        Key::honoured(
            "template",
            Shape::Text,
            "A text made of the keys of a value that is JSON: `{username}`, `{password|urlencode}`. `from: template`: made of other secrets.",
        ),
        Key::honoured("min_length", Shape::Integer, "Characters at least."),
        Key::honoured("max_length", Shape::Integer, "Characters at most."),
        Key::honoured(
            "format",
            Shape::Word(&["alphanumeric", "base64", "email", "hex", "url", "uuid"]),
            "What it must be written as.",
        ),
        Key::honoured(
            "pattern",
            Shape::Text,
            "A regular expression that must be found in it; `$` is written `$$`.",
        ),
        Key::honoured(
            "example",
            Shape::Text,
            "What it must not be: the value that the documentation shows.",
        ),
    ],
};
