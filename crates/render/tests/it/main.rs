//! The five example stacks, rendered for every target and judged by the tools of each field.

mod dockerfile;
mod engines;
mod peers;
mod scripts;
mod stacks;
mod support;
