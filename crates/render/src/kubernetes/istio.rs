//! Gateway, traffic policies, mutual TLS and who may speak to whom.

use crate::output::Rendering;
use crate::project::Project;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let _ = project;
    out.refused("istio", "not supported yet", "nothing is written for it");
}
