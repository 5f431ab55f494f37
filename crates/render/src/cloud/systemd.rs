//! Units that keep the stack running on a machine.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused("systemd", "not supported yet", "nothing is written for it");
}
