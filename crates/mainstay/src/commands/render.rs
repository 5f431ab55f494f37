//! `render`: the stack's files for other engines.

use super::Context;
use crate::arguments::{ReleaseOptions, RenderArguments, StackArguments, What};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::look::{Look, Tone};
use crate::project;
use crate::render::problems;
use crate::render::quantity::count;
use crate::render::table::{Entry, table};
use crate::rendered::{self, Change, Plan};
use mainstay_model::{EnvironmentName, Problem, Problems, Severity, did_you_mean};
use mainstay_render::{File, Project, Target};
use mainstay_server::rules::packs;
use mainstay_stack::RuleText;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `render --json`: what is written or would be.
#[derive(Debug, Serialize)]
struct Document<'a> {
    files: BTreeMap<&'a str, FileDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeDocument>>,
    problems: &'a Problems,
}

#[derive(Debug, Serialize)]
struct FileDocument<'a> {
    text: &'a str,
    executable: bool,
}

#[derive(Debug, Serialize)]
struct ChangeDocument {
    path: PathBuf,
    change: &'static str,
}

/// Files, where they belong, and which folders are wholly theirs.
struct Made {
    files: BTreeMap<String, File>,
    problems: Problems,
    /// `None`: they are printed.
    root: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

pub fn render(context: &Context, arguments: &RenderArguments) -> Outcome {
    if arguments.list {
        return list(context);
    }
    let place = context.place(None)?;
    let mut project = every_environment(&place)?;
    project.release.clone_from(&arguments.release);
    let made = match arguments.target {
        Some(what) => of_targets(&project, what, arguments),
        None => of_layout(&place, &project)?,
    };
    if made.problems.has_errors() {
        let errors = problems::tally(&made.problems);
        return Err(
            Failure::input(format!("nothing was written: {errors}")).problems(made.problems)
        );
    }
    let Some(root) = &made.root else {
        return print(context, &made, arguments);
    };
    let plan = rendered::plan(root, &made.files, &made.folders)?;
    if arguments.diff || arguments.check {
        return compare(context, &made, &plan, arguments);
    }
    if !plan.foreign.is_empty() && !arguments.force {
        let shown: Vec<String> = plan
            .foreign
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        let message = format!(
            "not rendered before, and not overwritten: {}",
            shown.join(", ")
        );
        return Err(Failure::input(message).hint("look at it: --diff; overwrite: --force"));
    }
    rendered::carry_out(root, &plan)?;
    tell(context, &made, &plan)
}

fn list(context: &Context) -> Outcome {
    let all: BTreeMap<&str, &str> = Target::all()
        .map(|target| (target.word(), target.about()))
        .collect();
    context.output.either(&all, |look| {
        let rows =
            Target::all().map(|target| vec![Entry::new(target.word()), Entry::new(target.about())]);
        table(look, &["TARGET", "WRITES"], rows.collect())
    })
}

/// The stack in every environment that its files know.
pub fn every_environment(place: &Place) -> Outcome<Project> {
    let mut stacks = Vec::new();
    let mut wrong = Problems::default();
    for environment in project::environments(place)? {
        let there = place.in_environment(&environment.name);
        let arguments = StackArguments::default();
        let resolution = project::resolution(&there, &arguments, &ReleaseOptions::default())?;
        match resolution.stack {
            Some(stack) => stacks.push(stack),
            None => wrong.extend(resolution.problems),
        }
    }
    if !wrong.is_empty() {
        return Err(project::broken(once(wrong)));
    }
    let named = place.global.env.as_ref();
    let known: Vec<EnvironmentName> = stacks
        .iter()
        .map(|stack| stack.environment.clone())
        .collect();
    let Some(mut project) = Project::new(stacks, named) else {
        return Err(match named {
            Some(named) => unknown_environment(known.iter(), named),
            None => Failure::input("there is no environment"),
        });
    };
    project.packs = named_packs(&project);
    Ok(project)
}

/// Names those that are there.
pub fn unknown_environment<'a>(
    known: impl Iterator<Item = &'a EnvironmentName>,
    named: &EnvironmentName,
) -> Failure {
    let names: Vec<&str> = known.map(EnvironmentName::as_str).collect();
    let hint = match did_you_mean(named.as_str(), names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Failure::input(format!("there is no environment `{named}`")).hint(hint)
}

/// What several environments say alike is said once.
fn once(problems: Problems) -> Problems {
    let mut once = Problems::default();
    for problem in problems {
        if !once.iter().any(|known| *known == problem) {
            once.push(problem);
        }
    }
    once
}

fn named_packs(project: &Project) -> BTreeMap<String, Vec<RuleText>> {
    let named = project
        .environments
        .values()
        .flat_map(|stack| stack.alerts.packs.iter());
    let found = named.filter_map(|name| {
        let files = packs::find(name)?.files.iter().map(|file| RuleText {
            path: format!("rules/{name}/{}", file.name),
            text: file.text.to_owned(),
        });
        Some((name.clone(), files.collect()))
    });
    found.collect()
}

fn of_targets(project: &Project, what: What, arguments: &RenderArguments) -> Made {
    let mut files = BTreeMap::new();
    let mut problems = Problems::default();
    match what {
        What::One(target) => {
            let rendering = mainstay_render::render(target, project);
            files = rendering.files;
            problems = rendering.problems;
        }
        What::All => {
            for target in Target::all() {
                let rendering = mainstay_render::render(target, project);
                let below = rendering.files.into_iter();
                files.extend(below.map(|(path, file)| (format!("{target}/{path}"), file)));
                let said = rendering.problems.into_iter();
                said.for_each(|problem| problems.push(of_one(target, problem)));
            }
        }
    }
    let here = arguments.diff || arguments.check;
    Made {
        files,
        problems: once(problems),
        root: arguments
            .out
            .clone()
            .or_else(|| here.then(|| PathBuf::from("."))),
        folders: arguments.out.iter().map(|_| PathBuf::new()).collect(),
    }
}

/// Where each target is asked for, one that a stack cannot have keeps none of the others back.
fn of_one(target: Target, problem: Problem) -> Problem {
    if problem.severity == Severity::Warning {
        return problem;
    }
    let message = format!("`{target}` is not written: {}", problem.message);
    let told = Problem::warning(problem.code, message);
    match problem.hint {
        Some(hint) => told.hint(hint),
        None => told,
    }
}

fn of_layout(place: &Place, project: &Project) -> Outcome<Made> {
    let layout = &project.main().render.layout;
    if layout.is_empty() {
        return Err(Failure::input("it is not said what to render").hint(format!(
            "name a target: {}; or say in mainstay.yaml what belongs where: render: {{layout: [{{path: k8s, of: kubernetes}}]}}",
            place.command("render --list")
        )));
    }
    let (files, problems) = mainstay_render::laid_out(project);
    let folders = layout.iter().map(|line| PathBuf::from(&line.path));
    Ok(Made {
        files,
        problems,
        root: Some(place.directory.clone()),
        folders: folders.collect(),
    })
}

/// To standard output: one file as it is, several below their names.
fn print(context: &Context, made: &Made, arguments: &RenderArguments) -> Outcome {
    warn(context, made);
    if context.output.json {
        return context.output.document(&document(made, None));
    }
    if let (1, Some(file)) = (made.files.len(), made.files.values().next()) {
        return context.output.data(&file.text);
    }
    for (path, file) in &made.files {
        context
            .output
            .data(&format!("# File: {path}\n{}", file.text))?;
    }
    if context.output.look.colour {
        let word = match arguments.target {
            Some(What::One(target)) => target.word(),
            _ => "all",
        };
        let files = count(made.files.len(), "file");
        context.output.note(&format!(
            "{files}; write them: mainstay render {word} --out DIR"
        ));
    }
    Ok(())
}

fn compare(context: &Context, made: &Made, plan: &Plan, arguments: &RenderArguments) -> Outcome {
    if context.output.json {
        context.output.document(&document(made, Some(plan)))?;
    } else if arguments.diff {
        let shown: String = plan
            .changes
            .iter()
            .map(|change| coloured(&rendered::difference(change), context.output.look))
            .collect();
        if !shown.is_empty() {
            context.output.data(&shown)?;
        }
    }
    if plan.changes.is_empty() {
        if !context.output.json {
            context
                .output
                .note(&format!("{} as rendered", count(plan.unchanged, "file")));
        }
        return Ok(());
    }
    if !arguments.check {
        return Ok(());
    }
    let stale: Vec<String> = plan.changes.iter().map(line).collect();
    let message = format!("not as rendered:\n  {}", stale.join("\n  "));
    Err(Failure::environment(message).hint("render them again, and commit what comes of it"))
}

fn line(change: &Change) -> String {
    format!("{} ({})", change.path.display(), change.word())
}

/// Removed lines red, added ones green.
fn coloured(difference: &str, look: Look) -> String {
    let lines = difference.lines().map(|line| {
        let tone = match line.as_bytes().first() {
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Bad,
            Some(b'@') => Tone::Accent,
            _ => return format!("{line}\n"),
        };
        format!("{}\n", look.paint(tone, line))
    });
    lines.collect()
}

fn tell(context: &Context, made: &Made, plan: &Plan) -> Outcome {
    warn(context, made);
    if context.output.json {
        return context.output.document(&document(made, Some(plan)));
    }
    let mut text: Vec<String> = plan.changes.iter().map(line).collect();
    let root = made.root.as_deref().unwrap_or(Path::new("."));
    let written = plan.changes.len();
    text.push(format!(
        "{} in {}, {written} of them changed",
        count(made.files.len(), "file"),
        root.display()
    ));
    context.output.data(&text.join("\n"))
}

/// What is lost on the way goes beside the data.
fn warn(context: &Context, made: &Made) {
    if !made.problems.is_empty() && !context.output.json {
        context
            .output
            .note(&problems::text(&made.problems, context.output.side));
    }
}

fn document<'a>(made: &'a Made, plan: Option<&Plan>) -> Document<'a> {
    let files = made.files.iter().map(|(path, file)| {
        let shown = FileDocument {
            text: &file.text,
            executable: file.executable,
        };
        (path.as_str(), shown)
    });
    let changes = plan.map(|plan| {
        let changes = plan.changes.iter().map(|change| ChangeDocument {
            path: change.path.clone(),
            change: change.word(),
        });
        changes.collect()
    });
    Document {
        files: files.collect(),
        changes,
        problems: &made.problems,
    }
}
