//! Files for other engines, written from one stack: what a team keeps by hand, and cannot keep consistent.
//!
//! A [`Project`] goes in: the stack in each of its environments, with what else there is to know. A
//! [`Rendering`] comes out: files by path, and problems. A warning names what an engine cannot express and
//! what becomes of it; with one error there are no files at all.
//!
//! Each target stands in [`Target`] and in a module of its own. The same project gives the same bytes.
//!
//! **Invariant:** no IO, no clock; no secret's value in any file; nothing of the stack is left out silently.

mod ci;
mod cloud;
mod containers;
mod engines;
mod kubernetes;
mod layout;
mod load;
mod names;
mod output;
mod project;
mod scripts;
mod target;

pub use layout::laid_out;
pub use output::{File, Rendering};
pub use project::{Machine, Project};
pub use target::Target;

/// Writes the files of one target.
pub fn render(target: Target, project: &Project) -> Rendering {
    let mut out = Rendering::new(target, project);
    target.write(project, &mut out);
    out.finished()
}
