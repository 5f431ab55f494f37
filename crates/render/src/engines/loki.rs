//! Loki and Promtail.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused("loki", "not supported yet", "nothing is written for it");
}
