//! Package managers: what they leave behind, and what they should not bring.

use super::Audit;
use crate::dockerfile::{Base, Command, Instruction, Keyword};
use crate::image_name::ImageName;
use crate::rule;
use std::path::Path;

const APT: [&str; 3] = ["apt-get", "apt", "aptitude"];
const RPM: [&str; 4] = ["dnf", "yum", "microdnf", "zypper"];

/// Packages that hold a compiler, or bring one.
const COMPILERS: [&str; 16] = [
    "build-essential",
    "gcc",
    "g++",
    "clang",
    "llvm",
    "make",
    "cmake",
    "build-base",
    "gcc-c++",
    "golang",
    "go",
    "rustc",
    "cargo",
    "default-jdk",
    "openjdk-17-jdk",
    "openjdk-21-jdk",
];

/// Images that are there to build with.
const BUILDERS: [&str; 8] = [
    "golang",
    "rust",
    "gcc",
    "maven",
    "gradle",
    "clang",
    "emscripten",
    "sbt",
];

/// Where caches of root are.
const ROOT_HOME: &str = "/root";

/// Commands that lead a list of packages.
const INSTALL: [&str; 4] = ["install", "add", "groupinstall", "in"];

pub(super) fn judge(audit: &mut Audit<'_>) {
    for run in audit.all(Keyword::Run) {
        let commands = run.commands();
        for command in &commands {
            anywhere(audit, command);
        }
        update_alone(audit, run, &commands);
    }
    for run in audit.in_image(Keyword::Run) {
        let commands = run.commands();
        for command in &commands {
            recommends(audit, command);
            cache(audit, run, command, &commands);
            compilers(audit, command, &commands);
        }
        lists(audit, run, &commands);
    }
    builder_image(audit);
}

/// The packages that a command installs.
pub(super) fn installs(command: &Command) -> impl Iterator<Item = &str> {
    let program = command.program();
    let known = APT.contains(&program) || RPM.contains(&program) || program == "apk";
    command
        .operands()
        .skip_while(|word| !INSTALL.contains(word))
        .skip(1)
        .filter(move |_| known)
        .map(|package| {
            package
                .split(['=', ':', '~', '<', '>'])
                .next()
                .unwrap_or(package)
        })
        .filter(|package| !package.is_empty())
}

/// Calls one of the programs with one of the verbs; options with a value (`-o X=Y`) may stand
/// before it.
fn does(command: &Command, programs: &[&str], verbs: &[&str]) -> bool {
    programs.contains(&command.program())
        && command
            .operands()
            .take(4)
            .find(|word| !word.contains(['=', '/']))
            .is_some_and(|word| verbs.contains(&word))
}

/// What is wrong in every stage.
fn anywhere(audit: &mut Audit<'_>, command: &Command) {
    let program = command.program();
    if does(command, &APT, &["upgrade", "dist-upgrade", "full-upgrade"])
        || does(
            command,
            &["apk", "zypper"],
            &["upgrade", "up", "dist-upgrade"],
        )
        || (does(command, &RPM, &["update", "upgrade"]) && command.operands().nth(1).is_none())
    {
        let message = format!("`{program}` upgrades the base image's packages");
        audit.found(&rule::APT_UPGRADE, command.line, message);
    }
    if program == "apt" {
        audit.found(
            &rule::APT_FOR_PEOPLE,
            command.line,
            "`apt` is used in a script",
        );
    }
    let assumes = command.has_short('y')
        || [
            "--yes",
            "--assume-yes",
            "--assumeyes",
            "--non-interactive",
            "-n",
            "-qq",
        ]
        .iter()
        .any(|option| command.has(option));
    if (does(command, &APT, &["install"]) || does(command, &RPM, &["install", "in"])) && !assumes {
        let message = format!("`{program} install` would ask");
        audit.found(&rule::APT_NO_YES, command.line, message);
    }
    pip(audit, command);
    if program == "npm"
        && command.operands().next() == Some("install")
        && command.operands().nth(1).is_none()
        && !command.has_short('g')
        && !command.has("--global")
    {
        audit.found(
            &rule::NPM_INSTALL,
            command.line,
            "`npm install` may take newer packages",
        );
    }
}

/// The arguments of `pip install`, also as `python -m pip install`.
fn pip_install(command: &Command) -> Option<&[String]> {
    let words = &command.words;
    let start = match command.program() {
        "pip" | "pip3" => 0,
        name if name.starts_with("python") => words.iter().position(|word| word == "pip")?,
        _ => return None,
    };
    let rest = words.get(start + 1..)?;
    let install = rest.iter().position(|word| !word.starts_with('-'))?;
    (rest[install] == "install").then(|| &rest[install + 1..])
}

fn pip(audit: &mut Audit<'_>, command: &Command) {
    /// Options of pip whose next word is no package.
    const WITH_VALUE: [&str; 12] = [
        "-r",
        "--requirement",
        "-c",
        "--constraint",
        "-e",
        "--editable",
        "-t",
        "--target",
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
    ];
    let Some(arguments) = pip_install(command) else {
        return;
    };
    let mut skip = false;
    let loose = arguments.iter().find(|word| {
        if std::mem::replace(&mut skip, WITH_VALUE.contains(&word.as_str())) {
            return false;
        }
        let ours = ["pip", "setuptools", "wheel"].contains(&word.as_str());
        let file = Path::new(word).extension().is_some_and(|end| end == "whl");
        !ours
            && !file
            && !word.starts_with(['-', '.', '/', '$', '<', '>'])
            && !word.contains(['=', '@', '/', '<', '>', '~'])
    });
    if let Some(package) = loose {
        let message = format!("`{package}` has no version");
        audit.found(&rule::PIP_NOT_PINNED, command.line, message);
    }
}

fn is_script(program: &str) -> bool {
    Path::new(program)
        .extension()
        .is_some_and(|end| end == "sh")
}

fn update_alone(audit: &mut Audit<'_>, run: &Instruction, commands: &[Command]) {
    let update = commands
        .iter()
        .find(|command| does(command, &APT, &["update"]));
    let installs = commands.iter().any(|command| {
        does(
            command,
            &APT,
            &[
                "install",
                "build-dep",
                "upgrade",
                "dist-upgrade",
                "full-upgrade",
                "satisfy",
            ],
        )
    });
    // Another program of the same RUN may install what it needs.
    let calls_other = commands.iter().any(|command| is_script(command.program()));
    if let Some(update) = update
        && !installs
        && !calls_other
        && !run.mounts("cache", "/var/lib/apt/lists")
    {
        let message = "`apt-get update` stands alone in its layer";
        audit.found(&rule::APT_UPDATE_ALONE, update.line, message);
    }
}

fn recommends(audit: &mut Audit<'_>, command: &Command) {
    let given = command.has("--no-install-recommends")
        || command.arguments().iter().any(|word| {
            word.to_ascii_lowercase()
                .contains("install-recommends=false")
        });
    if does(command, &["apt-get", "apt"], &["install"]) && !given {
        audit.found(
            &rule::APT_RECOMMENDS,
            command.line,
            "`apt-get install` also takes recommended packages",
        );
    }
}

fn lists(audit: &mut Audit<'_>, run: &Instruction, commands: &[Command]) {
    let update = commands
        .iter()
        .find(|command| does(command, &APT, &["update"]));
    let removed = commands.iter().any(|command| {
        command.program() == "rm"
            && command
                .operands()
                .any(|path| path.starts_with("/var/lib/apt") || path == "/var/lib/*")
    });
    if let Some(update) = update
        && !removed
        && !run.mounts("cache", "/var/lib/apt/lists")
        && !run.mounts("tmpfs", "/var/lib/apt/lists")
    {
        audit.found(
            &rule::APT_LISTS,
            update.line,
            "the package lists stay in the layer",
        );
    }
}

fn cache(audit: &mut Audit<'_>, run: &Instruction, command: &Command, all: &[Command]) {
    let program = command.program();
    let removes = |part: &str| {
        all.iter().any(|other| {
            other.program() == "rm" && other.operands().any(|path| path.contains(part))
        })
    };
    let (left, fix) = if does(command, &["apk"], &["add"]) {
        let kept = !command.has("--no-cache")
            && !removes("/var/cache/apk")
            && !run.mounts("cache", "/var/cache/apk")
            && !run.mounts("cache", "/etc/apk/cache");
        (kept, "add `--no-cache`")
    } else if does(command, &RPM, &["install", "in"]) {
        let cleaned = all
            .iter()
            .any(|other| other.program() == program && (other.has("clean") || other.has("cc")));
        let kept = !cleaned
            && !removes("/var/cache")
            && !run.mounts("cache", "/var/cache/dnf")
            && !run.mounts("cache", "/var/cache/yum")
            && !run.mounts("cache", "/var/cache/zypp");
        (kept, "end the same `RUN` with `clean all`")
    } else if pip_install(command).is_some() {
        let kept = !command.has("--no-cache-dir")
            && !audit.sets("PIP_NO_CACHE_DIR")
            && !removes(".cache")
            && !run.mounts("cache", &format!("{ROOT_HOME}/.cache/pip"));
        (
            kept,
            "add `--no-cache-dir`, or mount a cache over pip's own",
        )
    } else {
        (false, "")
    };
    if left {
        let message = format!("`{program}` leaves its cache in the layer");
        audit.found_with(&rule::PACKAGE_CACHE, command.line, message, fix);
    }
}

fn compilers(audit: &mut Audit<'_>, command: &Command, all: &[Command]) {
    let Some(package) = installs(command).find(|package| COMPILERS.contains(package)) else {
        return;
    };
    // `apk add --virtual NAME …`, `apk del NAME`
    let group = command
        .arguments()
        .iter()
        .position(|word| matches!(word.as_str(), "-t" | "--virtual"))
        .and_then(|at| command.arguments().get(at + 1));
    let removed = all.iter().any(|other| {
        ["purge", "remove", "autoremove", "del", "erase"]
            .iter()
            .any(|verb| other.has(verb))
            && (other.has(package) || group.is_some_and(|group| other.has(group)))
    });
    if !removed {
        let message = format!("`{package}` stays in the final image");
        audit.found(&rule::COMPILER, command.line, message);
    }
}

fn builder_image(audit: &mut Audit<'_>) {
    let Some(stage) = audit.lineage.last().copied() else {
        return;
    };
    if let Base::Image(word) = &stage.base
        && BUILDERS.contains(&ImageName::parse(&word.text).short())
    {
        let message = format!(
            "the final image is made from `{}`, which is there to build with",
            word.text
        );
        audit.found(&rule::COMPILER, stage.line(), message);
    }
}
