//! `infra`: Terraform or OpenTofu, the user's own, on what is rendered for an environment.
//!
//! What is rendered is written into a folder that is kept, since the program keeps its own files there. Where
//! the environment's policy wants approval, `apply` and `destroy` carry out a plan that was made before, once
//! enough people have agreed to that very plan; a destroy asks for the environment's name on a terminal besides,
//! whatever the options say.

mod agreement;

use super::Context;
use super::render::{every_environment, unknown_environment};
use crate::arguments::{AgreedOptions, InfraCommand};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::render::problems;
use crate::render::quantity::now;
use crate::{prompt, rendered, repository, tool};
use agreement::Agreement;
use mainstay_model::EnvironmentName;
use mainstay_render::{Rendering, Target, render};
use mainstay_server::api::types::InfraAction;
use mainstay_stack::Stack;
use mainstay_stack::policy::Ask;
use std::path::{Path, PathBuf};

const GET: &str = "get one: https://developer.hashicorp.com/terraform/install or https://opentofu.org/docs/intro/install";
/// Within the environment's folder: what `apply` carries out, and what `destroy` does.
const PLAN: &str = "mainstay.tfplan";
const DESTROY_PLAN: &str = "mainstay.destroy.tfplan";

pub async fn infra(context: &Context, command: &InfraCommand) -> Outcome {
    let (options, yes) = match command {
        InfraCommand::Plan(options) | InfraCommand::Output(options) => (options, false),
        InfraCommand::Apply(AgreedOptions { options, yes, .. })
        | InfraCommand::Destroy(AgreedOptions { options, yes, .. }) => (options, *yes),
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
    if stack.policy.approval.is_some() && changes {
        let approved = Approved {
            context,
            place: &place,
            stack: &stack,
            program: &program,
            folder: &folder,
        };
        return Box::pin(approved.carry_out(command)).await;
    }
    if matches!(command, InfraCommand::Destroy(_)) && !yes {
        prompt::typed(&take_away(environment), environment.as_str())?;
    }
    tool::run(&program, &init(&folder)).await?;
    let json = context.output.json;
    let arguments = arguments(command, &folder, yes, json, &options.rest);
    tool::run(&program, &arguments).await
}

/// A change where the policy wants approval.
struct Approved<'a> {
    context: &'a Context,
    place: &'a Place,
    stack: &'a Stack,
    program: &'a Path,
    folder: &'a Path,
}

impl Approved<'_> {
    /// Once enough people have agreed to the plan.
    async fn carry_out(&self, command: &InfraCommand) -> Outcome {
        let (action, agreed) = match command {
            InfraCommand::Apply(agreed) => (InfraAction::Apply, agreed),
            InfraCommand::Destroy(agreed) => (InfraAction::Destroy, agreed),
            InfraCommand::Plan(_) | InfraCommand::Output(_) => return Ok(()),
        };
        let plan = self.plan(action, &agreed.options.rest).await?;
        let about = (self.program, self.folder, plan);
        let agreement =
            Agreement::about(self.context, self.place, self.stack, action, about).await?;
        agreement.given(agreed.wait).await?;
        let environment = &self.stack.environment;
        match action {
            InfraAction::Apply if agreed.yes => {}
            InfraAction::Apply => {
                prompt::agree(&format!("apply the plan to `{environment}`"), "--yes")?;
            }
            InfraAction::Destroy => prompt::typed(&take_away(environment), environment.as_str())?,
        }
        agreement.use_up().await?;
        let there = format!("-chdir={}", self.folder.display());
        let mut words = vec![there, "apply".to_owned()];
        // What was planned with them is in the plan.
        if action == InfraAction::Apply {
            words.extend(agreed.options.rest.iter().cloned());
        }
        words.push(plan.to_owned());
        let done = tool::run(self.program, &words).await;
        // However it went: the program takes no plan twice.
        let _ = std::fs::remove_file(self.folder.join(plan));
        done
    }

    /// The plan that is carried out; that of a destroy is made where there is none.
    async fn plan(&self, action: InfraAction, rest: &[String]) -> Outcome<&'static str> {
        let environment = &self.stack.environment;
        let (plan, there) = match action {
            InfraAction::Apply => (PLAN, self.folder.join(PLAN).is_file()),
            InfraAction::Destroy => (DESTROY_PLAN, self.folder.join(DESTROY_PLAN).is_file()),
        };
        if !there && action == InfraAction::Apply {
            let message =
                format!("`{environment}` wants approval, and there is no plan to look at");
            let make = self.place.command(&format!("infra plan {environment}"));
            let hint = format!("make one, and let somebody look at it: {make}");
            return Err(Failure::input(message).hint(hint));
        }
        tool::run(self.program, &init(self.folder)).await?;
        if !there {
            let chdir = format!("-chdir={}", self.folder.display());
            let out = format!("-out={DESTROY_PLAN}");
            let mut words = vec![chdir, "plan".to_owned(), "-destroy".to_owned(), out];
            words.extend(rest.iter().cloned());
            tool::run(self.program, &words).await?;
        }
        Ok(plan)
    }
}

fn take_away(environment: &EnvironmentName) -> String {
    format!("take away everything of `{environment}`, its data too")
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

fn init(folder: &Path) -> Vec<String> {
    let there = format!("-chdir={}", folder.display());
    vec![there, "init".to_owned(), "-input=false".to_owned()]
}

/// What the program is told where nobody has to agree, or nothing is changed.
fn arguments(
    command: &InfraCommand,
    folder: &Path,
    yes: bool,
    json: bool,
    rest: &[String],
) -> Vec<String> {
    let mut words = vec![format!("-chdir={}", folder.display())];
    let plan = format!("-out={PLAN}");
    let said: &[&str] = match command {
        InfraCommand::Plan(_) => &["plan", &plan],
        InfraCommand::Apply(_) if yes => &["apply", "-auto-approve"],
        InfraCommand::Apply(_) => &["apply"],
        InfraCommand::Output(_) if json => &["output", "-json"],
        InfraCommand::Output(_) => &["output"],
        // It was asked for by name.
        InfraCommand::Destroy(_) => &["destroy", "-auto-approve"],
    };
    words.extend(said.iter().map(|word| (*word).to_owned()));
    words.extend(rest.iter().cloned());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::InfraOptions;

    fn said(command: &InfraCommand, yes: bool) -> String {
        let rest = ["-parallelism=3".to_owned()];
        arguments(command, Path::new("/x"), yes, true, &rest).join(" ")
    }

    #[test]
    fn the_program_is_told_what_was_asked() {
        let options = InfraOptions::default;
        let agreed = AgreedOptions::default;
        for (command, yes, expected) in [
            (
                InfraCommand::Plan(options()),
                false,
                "plan -out=mainstay.tfplan -parallelism=3",
            ),
            (InfraCommand::Apply(agreed()), false, "apply -parallelism=3"),
            (
                InfraCommand::Apply(agreed()),
                true,
                "apply -auto-approve -parallelism=3",
            ),
            (
                InfraCommand::Output(options()),
                false,
                "output -json -parallelism=3",
            ),
            (
                InfraCommand::Destroy(agreed()),
                true,
                "destroy -auto-approve -parallelism=3",
            ),
        ] {
            assert_eq!(said(&command, yes), format!("-chdir=/x {expected}"));
        }
    }
}
