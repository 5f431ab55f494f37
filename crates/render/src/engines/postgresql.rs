//! Settings for the size of the machine.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused(
        "postgresql",
        "not supported yet",
        "nothing is written for it",
    );
}
