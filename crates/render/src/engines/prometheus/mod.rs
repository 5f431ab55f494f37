//! What is scraped, and the rules.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused(
        "prometheus",
        "not supported yet",
        "nothing is written for it",
    );
}
