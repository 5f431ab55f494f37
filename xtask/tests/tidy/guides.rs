//! The pages about the guides name everything that the guides hold, each with its mark.

use super::{assert_none, root, text};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

const PAGES: &str = "docs/guides";

/// Where the guides are, when they are beside the checkout.
const GUIDES: &str = "../shared/guides";

const MARKS: [&str; 6] = [
    "*runs here*",
    "*equivalent verb*",
    "*foreign tool, run for real*",
    "*wrong in the guide*",
    "*not yet*",
    "*nothing to run*",
];

/// Name and lines of each index.
fn indexes() -> BTreeMap<String, Vec<String>> {
    let folder = root().join(PAGES).join("index");
    let files = std::fs::read_dir(&folder).expect("there are indexes");
    let paths = files.map(|file| file.expect("can be listed").path());
    paths
        .map(|path| {
            let name = path.file_stem().expect("has a name").to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("an index is text");
            let lines = text.lines().map(|line| line.replace('`', ""));
            (name.into_owned(), lines.collect())
        })
        .collect()
}

/// The cells of each row that begins with an entry: a code span that is a heading or a hash.
fn rows(page: &str) -> impl Iterator<Item = (usize, Vec<String>)> {
    let rows = (1..).zip(page.lines()).filter_map(|(number, line)| {
        let inner = line.strip_prefix("| `")?.strip_suffix(" |")?;
        let cells = format!("`{inner}").replace("\\|", "\0");
        let cells = cells.split('|').map(|cell| cell.replace('\0', "|"));
        Some((number, cells.map(|cell| cell.trim().to_owned()).collect()))
    });
    rows.collect::<Vec<_>>().into_iter()
}

#[test]
fn five_guides_have_their_indexes() {
    let names: Vec<String> = indexes().into_keys().collect();
    let expected = [
        "deep-echo",
        "rag-admin",
        "whisper-transcriber",
        "whispercache",
        "whisperengine",
    ];
    assert_eq!(names, expected);
}

#[test]
fn each_entry_of_a_guide_has_its_rows_in_its_order() {
    let mut mistakes = Vec::new();
    for (name, index) in indexes() {
        let file = format!("{PAGES}/{name}.md");
        let page = text(Path::new(&file)).expect("a page is text");
        let mut entries: Vec<String> = rows(&page)
            .map(|(_, cells)| cells[0].replace('`', ""))
            .collect();
        // An entry may have several rows, one below the other.
        entries.dedup();
        let differs = index.iter().zip(&entries).position(|(want, is)| want != is);
        let at = differs.unwrap_or(index.len().min(entries.len()));
        if index.len() != entries.len() || differs.is_some() {
            mistakes.push(format!(
                "{file}: row {at} is {:?}, and the guide has {:?}\n  mend: a row for each entry of {PAGES}/index/{name}.txt",
                entries.get(at),
                index.get(at)
            ));
        }
    }
    assert_none(&mistakes);
}

#[test]
fn each_row_has_a_mark_and_says_something() {
    let mut mistakes = Vec::new();
    for name in indexes().into_keys() {
        let file = format!("{PAGES}/{name}.md");
        let page = text(Path::new(&file)).expect("a page is text");
        for (number, cells) in rows(&page) {
            let [_, mark, here] = &cells[..] else {
                mistakes.push(format!(
                    "{file}:{number}: {} cells\n  mend: three",
                    cells.len()
                ));
                continue;
            };
            if !MARKS.contains(&mark.as_str()) {
                mistakes.push(format!("{file}:{number}: no such mark: {mark}"));
            }
            let is_wrong = mark == "*wrong in the guide*";
            if here.is_empty() || (is_wrong && !here.contains("instead: ")) {
                mistakes.push(format!(
                    "{file}:{number}: {mark} says too little\n  mend: say what is done instead"
                ));
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn the_indexes_are_those_of_the_guides_beside_the_checkout() {
    let folder = std::env::var_os("MAINSTAY_GUIDES").unwrap_or(GUIDES.into());
    let folder = root().join(folder);
    if !folder.is_dir() {
        let _ = writeln!(
            std::io::stderr(),
            "skipped for want of the guides: the_indexes_are_those_of_the_guides_beside_the_checkout"
        );
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["guides", "index", "--check"])
        .arg(&folder)
        .output()
        .expect("xtask can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
