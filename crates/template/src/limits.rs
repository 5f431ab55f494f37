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
/// Nodes, operands, loop turns of one rendering, and what functions look at: 64 bytes are a step,
/// an element of a list is one; what they make costs four times as much.
pub const STEPS: usize = 1_000_000;
/// What one call of a function that is dear (a regular expression, a query) counts as.
pub const DEAR_STEPS: usize = 1_000;
/// Lists and maps inside of each other.
pub const VALUE_DEPTH: u32 = 32;
/// Of a width or precision given to `printf`.
pub const WIDTH: usize = 10_000;
/// Of one regular expression, compiled.
pub const REGEX_BYTES: usize = 1 << 18;
