//! Commands: a list as it is, text split as a shell would split it.

use crate::tree::{Kind, Node};
use crate::words;
use mainstay_model::{Problem, Problems};

/// The words of a command; `None` where it cannot be split.
pub(crate) fn command(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    match &node.kind {
        Kind::List(items) => Some(
            items
                .iter()
                .filter_map(Node::as_text)
                .map(str::to_owned)
                .collect(),
        ),
        Kind::Scalar(scalar) => match words::split(&scalar.text) {
            Ok(words) => Some(words),
            Err(error) => {
                problems.push(
                    Problem::error("command/quote", format!("command cannot be split: {error}"))
                        .at(node.at.place())
                        .hint("write it as a list: `[\"program\", \"argument\"]`"),
                );
                None
            }
        },
        Kind::Null | Kind::Map(_) => None,
    }
}
