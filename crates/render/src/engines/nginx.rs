//! A web server in front of the stack.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused("nginx", "not supported yet", "nothing is written for it");
}
