//! How large, deep and long templates may get. A template is a user's program: it must not stop
//! the alerts of everybody else.

/// Of one template's text.
pub const TEXT_BYTES: usize = 1 << 20;
/// Of what one rendering gives, and of each text made on the way.
pub const OUTPUT_BYTES: usize = 4 << 20;
/// Blocks and parentheses inside of each other in one text.
pub const NESTING: usize = 64;
/// Templates, blocks and parentheses inside of each other while rendering. Each costs stack, and
/// the smallest stack we run on has two mebibytes.
pub const DEPTH: usize = 100;
/// Nodes, operands and loop turns of one rendering.
pub const STEPS: usize = 1_000_000;
/// Of a width or precision given to `printf`.
pub const WIDTH: usize = 100_000;
/// Of one regular expression, compiled.
pub const REGEX_BYTES: usize = 1 << 20;
