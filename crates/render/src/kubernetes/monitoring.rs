//! Alertmanager, Loki and Promtail beside the stack.

use super::site::Site;
use crate::output::Rendering;

pub(super) fn write(folder: &str, site: &Site<'_>, out: &mut Rendering) {
    let _ = (folder, site, out);
}
