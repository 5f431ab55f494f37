//! Canary and blue-green rollouts with their analysis.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused(
        "argo-rollouts",
        "not supported yet",
        "nothing is written for it",
    );
}
