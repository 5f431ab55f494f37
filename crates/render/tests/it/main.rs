//! The five example stacks, rendered for every target and judged by the tools of each field.

mod compose;
mod dockerfile;
mod engine;
mod engines;
mod examples;
mod github_actions;
mod kubernetes;
mod load;
mod machine;
mod peers;
mod rich;
mod scripts;
mod stacks;
mod support;
mod swarm;
mod terraform;
