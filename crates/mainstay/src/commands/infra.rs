//! `infra`: Terraform or OpenTofu, the user's own, on what is rendered for an environment.
//!
//! What is rendered is written into a folder that is kept, since the program keeps its own files there. Where
//! the environment's policy wants approval, `apply` takes only a plan that was made before, so that somebody
//! has seen it; a destroy then asks for the environment's name on a terminal, whatever the options say.

use super::Context;
use super::render::{every_environment, unknown_environment};
use crate::arguments::{AgreedOptions, InfraCommand};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::render::problems;
use crate::render::quantity::now;
use crate::{prompt, rendered, repository, tool};
use mainstay_model::EnvironmentName;
use mainstay_render::{Rendering, Target, render};
use mainstay_stack::Stack;
use mainstay_stack::policy::Ask;
use std::path::{Path, PathBuf};

const GET: &str = "get one: https://developer.hashicorp.com/terraform/install or https://opentofu.org/docs/intro/install";
/// Within the environment's folder.
const PLAN: &str = "mainstay.tfplan";

pub async fn infra(context: &Context, command: &InfraCommand) -> Outcome {
    let (options, yes) = match command {
        InfraCommand::Plan(options) | InfraCommand::Output(options) => (options, false),
        InfraCommand::Apply(AgreedOptions { options, yes })
        | InfraCommand::Destroy(AgreedOptions { options, yes }) => (options, *yes),
    };
    let place = context.place(None)?;
    let program = tool::find(options.program.as_deref(), &["terraform", "tofu"], GET)?;
    let (stack, rendering) = rendered_for(
        &place,
        Target::Terraform,
        options.environment.as_ref(),
        options.release.as_ref(),
    )?;
    if !rendering.problems.is_empty() && !context.output.json {
        let told = problems::text(&rendering.problems, context.output.side);
        context.output.note(told.trim_end());
    }
    let environment = &stack.environment;
    let root = options.dir.clone().unwrap_or_else(|| {
        let kept = format!(".mainstay/terraform/{environment}");
        place.directory.join(kept)
    });
    let folder = root.join("environments").join(environment.as_str());
    write(&root, rendering, environment)?;
    let changes = matches!(command, InfraCommand::Apply(_) | InfraCommand::Destroy(_));
    if changes {
        allowed(&stack).await?;
    }
    let approval = stack.policy.approval.is_some();
    agreed(command, environment, approval, yes, &folder)?;
    tool::run(&program, &init(&folder)).await?;
    let json = context.output.json;
    let arguments = arguments(command, &folder, approval, yes, json, &options.rest);
    tool::run(&program, &arguments).await
}

/// The stack in the environment that is meant, and the target's files.
pub(super) fn rendered_for(
    place: &Place,
    target: Target,
    named: Option<&EnvironmentName>,
    release: Option<&String>,
) -> Outcome<(Stack, Rendering)> {
    let mut project = every_environment(place)?;
    let meant = named.or(place.global.env.as_ref());
    if let Some(environment) = meant {
        let seen = project.seen_from(environment);
        project =
            seen.ok_or_else(|| unknown_environment(project.environments.keys(), environment))?;
    } else if project.environments.len() > 1 {
        return Err(Failure::input("it is not said which environment is meant")
            .hint("name one: staging, production …"));
    }
    project.release = release.cloned();
    let rendering = render(target, &project);
    if rendering.problems.has_errors() {
        let errors = problems::tally(&rendering.problems);
        let failure = Failure::input(format!("nothing was written: {errors}"));
        return Err(failure.problems(rendering.problems));
    }
    Ok((project.main().clone(), rendering))
}

/// The modules and this environment's folder; what the program keeps there stays.
fn write(root: &Path, rendering: Rendering, environment: &EnvironmentName) -> Outcome {
    let own = format!("environments/{environment}/");
    let mut files = rendering.files;
    files.retain(|path, _| path.starts_with("modules/") || path.starts_with(&own));
    let plan = rendered::plan(root, &files, &[PathBuf::from("modules")])?;
    if !plan.foreign.is_empty() {
        let shown: Vec<String> = plan
            .foreign
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let message = format!(
            "not rendered before, and not overwritten: {}",
            shown.join(", ")
        );
        return Err(Failure::input(message).hint("move it away, or say another --dir"));
    }
    rendered::carry_out(root, &plan)
}

/// What the environment's policy has against it now, all at once.
async fn allowed(stack: &Stack) -> Outcome {
    let version = repository::version(&stack.directory).await;
    let ask = Ask {
        tag: version.tag.as_deref(),
        dirty: version.dirty,
    };
    let objections = stack.policy.objections(ask, now());
    let Some(first) = objections.first() else {
        return Ok(());
    };
    let all: Vec<String> = objections.iter().map(ToString::to_string).collect();
    let message = format!("`{}` is not changed: {}", stack.environment, all.join("; "));
    Err(Failure::input(message).hint(first.hint()))
}

/// Asks where it has to be asked.
fn agreed(
    command: &InfraCommand,
    environment: &EnvironmentName,
    approval: bool,
    yes: bool,
    folder: &Path,
) -> Outcome {
    match command {
        InfraCommand::Apply(_) if approval => {
            if !folder.join(PLAN).is_file() {
                let message =
                    format!("`{environment}` wants approval, and there is no plan to look at");
                let hint = format!(
                    "make one, and let somebody look at it: mainstay infra plan {environment}"
                );
                return Err(Failure::input(message).hint(hint));
            }
            if yes {
                return Ok(());
            }
            prompt::agree(&format!("apply the plan to `{environment}`"), "--yes")
        }
        InfraCommand::Plan(_) | InfraCommand::Output(_) | InfraCommand::Apply(_) => Ok(()),
        InfraCommand::Destroy(_) if yes && !approval => Ok(()),
        InfraCommand::Destroy(_) => {
            let what = format!("take away everything of `{environment}`, its data too");
            prompt::typed(&what, environment.as_str())
        }
    }
}

fn init(folder: &Path) -> Vec<String> {
    let there = format!("-chdir={}", folder.display());
    vec![there, "init".to_owned(), "-input=false".to_owned()]
}

/// What the program is told.
fn arguments(
    command: &InfraCommand,
    folder: &Path,
    approval: bool,
    yes: bool,
    json: bool,
    rest: &[String],
) -> Vec<String> {
    let mut words = vec![format!("-chdir={}", folder.display())];
    let plan = format!("-out={PLAN}");
    let said: &[&str] = match command {
        InfraCommand::Plan(_) => &["plan", &plan],
        InfraCommand::Apply(_) if approval => &["apply"],
        InfraCommand::Apply(_) if yes => &["apply", "-auto-approve"],
        InfraCommand::Apply(_) => &["apply"],
        InfraCommand::Output(_) if json => &["output", "-json"],
        InfraCommand::Output(_) => &["output"],
        // It was asked for by name.
        InfraCommand::Destroy(_) => &["destroy", "-auto-approve"],
    };
    words.extend(said.iter().map(|word| (*word).to_owned()));
    words.extend(rest.iter().cloned());
    if approval && matches!(command, InfraCommand::Apply(_)) {
        words.push(PLAN.to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::InfraOptions;

    fn said(command: &InfraCommand, approval: bool, yes: bool) -> String {
        let rest = ["-parallelism=3".to_owned()];
        arguments(command, Path::new("/x"), approval, yes, true, &rest).join(" ")
    }

    #[test]
    fn the_program_is_told_what_was_asked() {
        let options = InfraOptions::default;
        let agreed = AgreedOptions::default;
        for (command, approval, yes, expected) in [
            (
                InfraCommand::Plan(options()),
                true,
                false,
                "plan -out=mainstay.tfplan -parallelism=3",
            ),
            (
                InfraCommand::Apply(agreed()),
                false,
                false,
                "apply -parallelism=3",
            ),
            (
                InfraCommand::Apply(agreed()),
                false,
                true,
                "apply -auto-approve -parallelism=3",
            ),
            (
                InfraCommand::Apply(agreed()),
                true,
                true,
                "apply -parallelism=3 mainstay.tfplan",
            ),
            (
                InfraCommand::Output(options()),
                true,
                false,
                "output -json -parallelism=3",
            ),
            (
                InfraCommand::Destroy(agreed()),
                true,
                true,
                "destroy -auto-approve -parallelism=3",
            ),
        ] {
            assert_eq!(
                said(&command, approval, yes),
                format!("-chdir=/x {expected}")
            );
        }
    }

    #[test]
    fn production_is_applied_as_it_was_planned_and_destroyed_by_its_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let name: EnvironmentName = "production".parse().unwrap();
        let ask = |command: &InfraCommand, approval, yes| {
            agreed(command, &name, approval, yes, folder.path())
        };
        let apply = InfraCommand::Apply(AgreedOptions::default());
        let destroy = InfraCommand::Destroy(AgreedOptions::default());
        let unplanned = ask(&apply, true, true).unwrap_err();
        assert_eq!(
            unplanned.message,
            "`production` wants approval, and there is no plan to look at"
        );
        std::fs::write(folder.path().join(PLAN), "").unwrap();
        ask(&apply, true, true).unwrap();
        ask(&destroy, false, true).unwrap();
        // No terminal here: nobody can type the name.
        let refused = ask(&destroy, true, true).unwrap_err();
        assert!(
            refused.message.contains("take away everything"),
            "{}",
            refused.message
        );
    }
}
