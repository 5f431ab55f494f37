//! Workflows: checks, staging, production, rollback.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused(
        "github-actions",
        "not supported yet",
        "nothing is written for it",
    );
}
