//! Modules for AWS, and each environment made of them.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused(
        "terraform",
        "not supported yet",
        "nothing is written for it",
    );
}
