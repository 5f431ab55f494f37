//! `mesh`: Istio, by istioctl and kubectl of the user, with what is rendered for an environment.

use super::Context;
use super::infra::rendered_for;
use crate::arguments::{MeshCommand, MeshOptions};
use crate::failure::{Failure, Outcome};
use crate::{prompt, rendered, tool};
use mainstay_render::Target;
use std::path::{Path, PathBuf};

const GET_ISTIOCTL: &str = "get it: https://istio.io/latest/docs/setup/install/istioctl";
const GET_KUBECTL: &str = "get it: https://kubernetes.io/docs/tasks/tools";

pub async fn mesh(context: &Context, command: &MeshCommand) -> Outcome {
    match command {
        MeshCommand::Install(options) => {
            let istioctl = tool::find(None, &["istioctl"], GET_ISTIOCTL)?;
            if !options.yes {
                prompt::agree("install Istio into the cluster that kubectl knows", "--yes")?;
            }
            tool::run(&istioctl, &install(&options.rest)).await
        }
        MeshCommand::Configure(options) => {
            let kubectl = tool::find(None, &["kubectl"], GET_KUBECTL)?;
            let folder = written(context, options)?;
            if !options.yes {
                let what = format!("apply what is in `{}` to the cluster", folder.display());
                prompt::agree(&what, "--yes")?;
            }
            tool::run(&kubectl, &configure(&folder, &options.rest)).await
        }
        MeshCommand::Verify(options) => {
            let istioctl = tool::find(None, &["istioctl"], GET_ISTIOCTL)?;
            let folder = written(context, options)?;
            tool::run(&istioctl, &verify(&folder, &options.rest)).await
        }
    }
}

/// Writes what is rendered, and says where.
fn written(context: &Context, options: &MeshOptions) -> Outcome<PathBuf> {
    let place = context.place(None)?;
    let named = options.environment.as_ref();
    let (stack, rendering) = rendered_for(&place, Target::Istio, named, None)?;
    let environment = &stack.environment;
    let root = options.dir.clone().unwrap_or_else(|| {
        let kept = format!(".mainstay/istio/{environment}");
        place.directory.join(kept)
    });
    let plan = rendered::plan(&root, &rendering.files, &[PathBuf::new()])?;
    if !plan.foreign.is_empty() {
        let message = format!("`{}` has files that were not rendered", root.display());
        return Err(Failure::input(message).hint("say another --dir"));
    }
    rendered::carry_out(&root, &plan)?;
    // A folder for each environment, where the target writes one.
    let own = root.join(environment.as_str());
    Ok(if own.is_dir() { own } else { root })
}

fn words(said: &[&str], rest: &[String]) -> Vec<String> {
    let said = said.iter().map(|word| (*word).to_owned());
    said.chain(rest.iter().cloned()).collect()
}

fn install(rest: &[String]) -> Vec<String> {
    words(
        &["install", "--skip-confirmation", "--set", "profile=default"],
        rest,
    )
}

fn configure(folder: &Path, rest: &[String]) -> Vec<String> {
    let folder = folder.display().to_string();
    words(
        &[
            "apply",
            "--server-side",
            "--recursive",
            "--filename",
            &folder,
        ],
        rest,
    )
}

fn verify(folder: &Path, rest: &[String]) -> Vec<String> {
    let folder = folder.display().to_string();
    words(&["analyze", "--recursive", &folder], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_are_told_what_was_asked() {
        let rest = ["--context=shop".to_owned()];
        let folder = Path::new("/x");
        assert_eq!(
            install(&rest).join(" "),
            "install --skip-confirmation --set profile=default --context=shop"
        );
        assert_eq!(
            configure(folder, &rest).join(" "),
            "apply --server-side --recursive --filename /x --context=shop"
        );
        assert_eq!(
            verify(folder, &rest).join(" "),
            "analyze --recursive /x --context=shop"
        );
    }
}
