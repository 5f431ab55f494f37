//! Dockerfiles and what they leave out, for services that say their language.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused(
        "dockerfile",
        "not supported yet",
        "nothing is written for it",
    );
}
