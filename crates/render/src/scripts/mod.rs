//! Scripts under the names that people know, each verb a command of Mainstay.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused("scripts", "not supported yet", "nothing is written for it");
}
