//! Steps and jobs that several workflows have.

use super::actions::{TRIVY, action};
use mainstay_yaml::write::{Doc, Map};

pub(super) const RUNNER: &str = "ubuntu-24.04";

/// `${{ … }}`.
pub(super) fn expression(text: &str) -> String {
    format!("${{{{ {text} }}}}")
}

/// The code without the token that fetched it.
pub(super) fn checkout() -> Doc {
    let with = Map::new()
        .set("persist-credentials", false)
        // `git describe` asks for the tags.
        .set("fetch-depth", 0);
    used("Check the code out", "actions/checkout", with)
}

pub(super) fn used(name: &str, which: &str, with: Map) -> Doc {
    Map::new()
        .set("name", name)
        .set("uses", action(which))
        .some("with", with)
        .into()
}

pub(super) fn run(name: &str, env: Map, script: &str) -> Doc {
    Map::new()
        .set("name", name)
        .some("env", env)
        .set("run", block(script))
        .into()
}

/// One line stands in quotes, several in a block.
fn block(script: &str) -> &str {
    let line = script.trim_end_matches('\n');
    if line.contains('\n') { script } else { line }
}

/// The program itself, checked against the sum that the repository's variables say.
pub(super) fn mainstay() -> Doc {
    let env = Map::new()
        .set("MAINSTAY_URL", expression("vars.MAINSTAY_URL"))
        .set("MAINSTAY_SHA256", expression("vars.MAINSTAY_SHA256"));
    run(
        "Install mainstay",
        env,
        "curl --fail --silent --show-error --location --proto '=https' --output \"$RUNNER_TEMP/mainstay\" \"$MAINSTAY_URL\"\n\
         echo \"$MAINSTAY_SHA256  $RUNNER_TEMP/mainstay\" | sha256sum --check --strict\n\
         chmod 755 \"$RUNNER_TEMP/mainstay\"\n",
    )
}

/// Trivy in its container, on the directory of the job; `arguments` are its own.
pub(super) fn trivy(name: &str, arguments: &str) -> Doc {
    let script =
        format!("docker run --rm --volume \"$PWD:/work\" --workdir /work \"$TRIVY\" {arguments}\n");
    run(name, Map::new().set("TRIVY", TRIVY), &script)
}

/// Findings for the repository's security page; also when a step before failed because of them.
pub(super) fn sarif(file: &str, category: &str) -> Doc {
    let with = Map::new().set("sarif_file", file).set("category", category);
    Map::new()
        .set("name", "Report the findings")
        .comment("A pull request from elsewhere may not write here.")
        .set(
            "if",
            "always() && github.event.pull_request.head.repo.fork != true",
        )
        .set("uses", action("github/codeql-action/upload-sarif"))
        .set("with", with)
        .into()
}

pub(super) fn kept(name: &str, path: &str) -> Doc {
    let with = Map::new()
        .set("name", name)
        .set("path", path)
        .set("if-no-files-found", "error")
        .set("retention-days", 30);
    used("Keep it", "actions/upload-artifact", with)
}

/// Rights of a job, by name; what each is for is written behind it with the versions.
pub(super) fn rights(rights: &[(&str, &str)]) -> Map {
    rights.iter().copied().collect()
}

pub(super) fn job(name: &str, minutes: u32, permissions: Map) -> Map {
    Map::new()
        .set("name", name)
        .set("runs-on", RUNNER)
        .set("timeout-minutes", minutes)
        .set("permissions", permissions)
}
