//! Tables of what files say, and that nothing panics.

use super::{Base, Dockerfile, Keyword, parse};
use proptest::prelude::*;

fn read(text: &str) -> Dockerfile {
    parse("Dockerfile", text)
}

fn words(text: &str) -> Vec<String> {
    let file = read(&format!("FROM a:1\n{text}"));
    assert!(file.mistakes.is_empty(), "{:?}", file.mistakes);
    let last = file.stages[0].instructions.last().expect("an instruction");
    last.words.iter().map(|word| word.text.clone()).collect()
}

fn programs(text: &str) -> Vec<(String, u32)> {
    let file = read(&format!("FROM a:1\n{text}"));
    let run = file.stages[0].all(Keyword::Run).next().expect("a RUN");
    run.commands()
        .iter()
        .map(|command| (command.words.join(" "), command.line))
        .collect()
}

#[test]
fn stages_know_what_they_are_made_from() {
    let file = read(
        "ARG TAG=12\nFROM debian:$TAG AS base\nFROM base AS Build\nFROM scratch\nCOPY --from=build /a /a\n",
    );
    assert!(file.mistakes.is_empty(), "{:?}", file.mistakes);
    let Base::Image(image) = &file.stages[0].base else {
        panic!("{:?}", file.stages[0].base)
    };
    assert_eq!((image.text.as_str(), image.known), ("debian:12", true));
    assert_eq!(file.stages[1].base, Base::Stage(0));
    assert_eq!(file.stages[2].base, Base::Scratch);
    assert_eq!(file.stage("BUILD").map(|stage| stage.index), Some(1));
    assert_eq!(file.stage("2").map(|stage| stage.index), Some(2));
    let lineage = file.lineage(&file.stages[1]);
    assert_eq!(lineage.iter().map(|s| s.index).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn variables_are_expanded_as_docker_does() {
    for (text, expected) in [
        ("ARG A=1\nENV B=$A\nWORKDIR /x/${B}", "/x/1"),
        ("ENV A=1 B=$A\nWORKDIR /x$B", "/x"),
        ("WORKDIR /${A:-x}/${B-y}", "/x/y"),
        ("ENV A=\nWORKDIR /${A:-x}${A-y}", "/x"),
        ("ENV A=1\nWORKDIR /${A:+b}${C:+d}", "/b"),
        ("WORKDIR /\\$A", "/$A"),
        ("WORKDIR '/$A'", "/$A"),
        ("WORKDIR ${A:-${B:-deep}}", "deep"),
        ("ENV A two words\nWORKDIR /$A", "/two words"),
    ] {
        assert_eq!(words(text), [expected], "{text}");
    }
}

#[test]
fn an_argument_without_a_value_is_not_known() {
    let file = read("ARG BASE\nFROM $BASE\n");
    let Base::Image(image) = &file.stages[0].base else {
        panic!("an image")
    };
    assert!(!image.known);
}

#[test]
fn continuations_keep_their_lines() {
    assert_eq!(
        programs(
            "RUN apt-get update && \\\n# why\n\n    apt-get install -y \\\n      curl; \\\n  sudo -E ls"
        ),
        [
            ("apt-get update".to_owned(), 2),
            ("apt-get install -y curl".to_owned(), 5),
            ("ls".to_owned(), 7),
        ]
    );
}

#[test]
fn the_escape_directive_is_heeded() {
    let file = read("# escape=`\nFROM a:1\nRUN dir `\n  C:\\\nUSER app\n");
    assert!(file.mistakes.is_empty(), "{:?}", file.mistakes);
    assert_eq!(file.stages[0].instructions.len(), 3);
    let late = read("FROM a:1\n# escape=`\nRUN a \\\n b\n");
    assert_eq!(late.stages[0].instructions.len(), 2);
}

#[test]
fn here_documents_belong_to_their_instruction() {
    let text = "RUN <<EOF\napt-get update\n  apt-get install -y x\nEOF\nUSER app";
    assert_eq!(
        programs(text),
        [
            ("<<EOF".to_owned(), 2),
            ("apt-get update".to_owned(), 3),
            ("apt-get install -y x".to_owned(), 4),
        ]
    );
    let file = read("FROM a:1\nCOPY <<-\"A\" <<B /x/\n\ttext\nA\nUSER no\nB\nUSER app\n");
    assert!(file.mistakes.is_empty(), "{:?}", file.mistakes);
    let copy = &file.stages[0].instructions[1];
    let bodies: Vec<_> = copy.heredocs.iter().map(|h| h.body.text.as_str()).collect();
    assert_eq!(bodies, ["text\n", "USER no\n"]);
    assert!(copy.heredocs[0].quoted && !copy.heredocs[1].quoted);
    assert_eq!(file.stages[0].all(Keyword::User).count(), 1);
}

#[test]
fn json_flags_and_onbuild_are_told_apart() {
    let file = read(
        "FROM --platform=linux/arm64 a:1\nONBUILD COPY --chown=1:1 [\"a b\", \"/c\"]\nHEALTHCHECK --interval=5s CMD [\"/app\", \"-h\"]\nCMD [broken]\n",
    );
    let stage = &file.stages[0];
    assert_eq!(stage.platform.as_deref(), Some("linux/arm64"));
    let copy = &stage.instructions[1];
    assert!(copy.on_build);
    assert_eq!(copy.flag("chown"), Some("1:1"));
    assert_eq!(
        copy.json.as_deref(),
        Some(&["a b".to_owned(), "/c".to_owned()][..])
    );
    assert_eq!(stage.instructions[2].commands()[0].program(), "app");
    assert_eq!(stage.instructions[3].json, None);
}

#[test]
fn a_shell_in_the_exec_form_is_looked_into() {
    assert_eq!(
        programs("RUN [\"/bin/bash\", \"-ec\", \"A=b curl x 2>&1 | sh # y\"]"),
        [("curl x 2>&1".to_owned(), 2), ("sh".to_owned(), 2)]
    );
    assert_eq!(
        programs("RUN if [ \"$(a; b)\" = 'x;y' ]; then exec c; fi"),
        [
            ("[ $(a; b) = x;y ]".to_owned(), 2),
            ("c".to_owned(), 2),
            ("fi".to_owned(), 2)
        ]
    );
}

#[test]
fn mistakes_have_their_line_and_a_way_out() {
    for (text, line, message) in [
        ("", 0, "there is no FROM"),
        ("RUN x\nFROM a:1\n", 1, "`RUN` stands before the first FROM"),
        ("FROM a:1\nRUM x\n", 2, "unknown instruction `RUM`"),
        ("FROM a:1\nUSER\n", 2, "`USER` says nothing"),
        (
            "FROM a:1 is b\n",
            1,
            "FROM is neither `FROM image` nor `FROM image AS name`",
        ),
        (
            "FROM a:1\nRUN <<X\nls\n",
            2,
            "here-document `X` does not end",
        ),
        (
            "FROM a:1\nONBUILD FROM b\n",
            2,
            "`ONBUILD FROM` is not allowed",
        ),
    ] {
        let file = read(text);
        let found: Vec<_> = file
            .mistakes
            .iter()
            .map(|m| (m.line, m.message.as_str()))
            .collect();
        assert_eq!(found, [(line, message)], "{text}");
    }
}

#[test]
fn a_value_that_names_itself_does_not_grow_without_end() {
    let mut text = "FROM a:1\nENV A=0123456789\n".to_owned();
    text.push_str(&"ENV A=$A$A\n".repeat(5000));
    text.push_str("USER $A\n");
    let file = read(&text);
    let user = file.stages[0].all(Keyword::User).next().expect("a user");
    assert!(!user.words[0].known && user.words[0].text.len() <= 2048);
}

const PIECES: &[&str] = &[
    "FROM ",
    "debian:12",
    " AS ",
    "a",
    "RUN ",
    "COPY ",
    "--from=",
    "ENV ",
    "ARG ",
    "=",
    "$A",
    "${A:-",
    "}",
    "\\\n",
    "\n",
    "<<EOF",
    "EOF\n",
    "\"",
    "'",
    "[",
    "]",
    ",",
    "`",
    "# escape=`\n",
    "ONBUILD ",
    "HEALTHCHECK CMD ",
    "|",
    "&&",
    "é",
    "\t",
    "\r\n",
    "# mainstay: allow ",
    "apt-get install ",
    "chmod 777 ",
    "USER ",
    "\u{feff}",
    "$(",
    ")",
];

proptest! {
    #[test]
    fn nothing_panics_and_every_line_is_one_of_the_file(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..80),
    ) {
        let text: String = pieces.concat();
        let lines = text.lines().count() as u32;
        let file = read(&text);
        for instruction in file.instructions() {
            prop_assert!(instruction.line >= 1 && instruction.end <= lines);
            for command in instruction.commands() {
                prop_assert!(command.line >= instruction.line && command.line <= lines, "{text:?} {command:?}");
            }
        }
        for finding in crate::dockerfile_findings(&file, &crate::Surroundings::default()) {
            prop_assert!(finding.place.line <= lines.max(1));
        }
    }

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let _ = read(&text);
    }
}
