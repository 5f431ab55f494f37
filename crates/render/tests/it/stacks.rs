//! What holds of every target and every example.

use crate::support::{EXAMPLES, example};
use mainstay_render::{Target, render};

#[test]
fn the_same_stack_gives_the_same_files_and_each_is_within_its_folder() {
    for name in EXAMPLES {
        let (once, again) = (example(name), example(name));
        for target in Target::all() {
            let rendering = render(target, &once);
            assert_eq!(rendering, render(target, &again), "{name} {target}");
            let empty = rendering.files.is_empty();
            assert_eq!(
                empty,
                rendering.problems.has_errors(),
                "{name} {target}: {}",
                rendering.problems
            );
            for path in rendering.files.keys() {
                let within = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
                assert!(within, "{name} {target}: {path}");
            }
        }
    }
}

#[test]
fn files_end_in_one_newline_and_no_line_in_a_blank() {
    for name in EXAMPLES {
        let project = example(name);
        for target in Target::all() {
            for (path, file) in render(target, &project).files {
                let text = &file.text;
                assert!(
                    text.ends_with('\n') && !text.ends_with("\n\n"),
                    "{target} {path}"
                );
                let blank = text.lines().position(|line| line.ends_with([' ', '\t']));
                assert_eq!(blank, None, "{target} {path}");
            }
        }
    }
}
