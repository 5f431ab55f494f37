//! Files for Docker Compose: production, monitoring, logging, debugging.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused("compose", "not supported yet", "nothing is written for it");
}
