//! What would never end or fill the machine is stopped, on a stack as small as any we have.

use crate::world::render;
use mainstay_template::{Escape, limits};

const STACK_BYTES: usize = 2 << 20;

fn message(template: String) -> String {
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || render(&template, Escape::Text).unwrap_err().message)
        .unwrap();
    thread.join().unwrap()
}

#[test]
fn bounds_hold() {
    let deep = |open: &str, close: &str| {
        let count = limits::NESTING + 1;
        format!("{}{}", open.repeat(count), close.repeat(count))
    };
    let long = "x".repeat(limits::TEXT_BYTES + 1);
    let nested_loops = "{{range 1000}}{{range 1000}}{{range 1000}}{{end}}{{end}}{{end}}";
    let doubling =
        "{{$x := \"abcdefgh\"}}{{range 64}}{{$x = printf \"%s%s\" $x $x}}{{end}}{{$x}}".to_owned();
    for (template, wanted) in [
        (long, format!("a template of {} bytes, more than {}", limits::TEXT_BYTES + 1, limits::TEXT_BYTES)),
        (deep("{{if true}}", "{{end}}"), format!("nested deeper than {} levels", limits::NESTING)),
        (format!("{{{{{}}}}}", "(".repeat(5000)), format!("nested deeper than {} levels", limits::NESTING)),
        (nested_loops.to_owned(), format!("more than {} steps", limits::STEPS)),
        (
            "{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}".to_owned(),
            format!("deeper than {} blocks and templates", limits::DEPTH),
        ),
        (
            "{{define \"a\"}}{{if true}}{{with (print (print 1))}}{{range 1}}{{template \"a\" .}}{{end}}{{end}}{{end}}{{end}}{{template \"a\" .}}".to_owned(),
            format!("deeper than {} blocks and templates", limits::DEPTH),
        ),
        ("{{range 1000}}{{printf \"%9999d\" 1}}{{end}}".to_owned(), format!("more than {} bytes of output", limits::OUTPUT_BYTES)),
        ("{{printf \"%10001d\" 1}}".to_owned(), format!("error calling printf: width 10001 is over {}", limits::WIDTH)),
        (doubling, "the arguments of printf are too large".to_owned()),
    ] {
        assert_eq!(message(template), wanted);
    }
}

#[test]
fn what_stands_just_inside_of_the_bounds_renders() {
    let count = limits::NESTING - 1;
    let template = format!(
        "{}x{}",
        "{{if true}}".repeat(count),
        "{{end}}".repeat(count)
    );
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || render(&template, Escape::Text).unwrap())
        .unwrap();
    assert_eq!(thread.join().unwrap(), "x");
}
