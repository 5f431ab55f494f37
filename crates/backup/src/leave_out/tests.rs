//! Archives by GNU tar, in each of its formats, and what it makes of what passes.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

/// Longer together than the hundred bytes that a header has, and each short enough for the oldest format.
const LONG: &str = "a-directory-with-a-name-that-is-long-but-not-too-long-for-it/another-one-within-it-whose-name-is-as-long-as-that";

fn tar(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let made = Command::new("tar")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{words}");
    made.stdout
}

fn names(archive: &[u8]) -> BTreeSet<String> {
    let mut list = Command::new("tar")
        .args(["-t", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut list.stdin.take().unwrap(), archive).unwrap();
    let list = list.wait_with_output().unwrap();
    assert!(list.status.success());
    let text = String::from_utf8(list.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

async fn passed(patterns: &[&str], archive: &[u8]) -> io::Result<(Vec<u8>, u64)> {
    let patterns: Vec<String> = patterns.iter().map(|&one| one.to_owned()).collect();
    let mut out = Vec::new();
    let left_out = LeaveOut::new(&patterns).unwrap();
    let count = left_out.pass(archive, &mut out).await?;
    Ok((out, count))
}

/// `uploads` with files in it, as Docker packs a volume.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let deep = format!("uploads/deep/{LONG}");
    for (name, text) in [
        ("uploads/one.txt", "the first"),
        ("uploads/two.tmp", "nobody needs it"),
        ("uploads/cache/three.txt", "made anew"),
        ("uploads/deep/cache/four.txt", "kept"),
        (&format!("{deep}/five.txt"), "long"),
        (&format!("{deep}/six.tmp"), "long, and nobody needs it"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.repeat(300)).unwrap();
    }
    folder
}

#[tokio::test]
async fn what_a_pattern_names_does_not_pass_and_all_else_does() {
    let folder = folder();
    for format in ["gnu", "pax", "ustar"] {
        let format = format!("--format={format}");
        let all = tar(folder.path(), &["-c", &format, "-f", "-", "uploads"]);
        let (same, none) = passed(&[], &all).await.unwrap();
        assert!(same == all && none == 0, "{format}");

        let (some, count) = passed(&["*.tmp", "/cache"], &all).await.unwrap();
        let expected: BTreeSet<String> = names(&all)
            .into_iter()
            .filter(|name| !name.contains(".tmp") && !name.starts_with("uploads/cache"))
            .collect();
        assert_eq!(names(&some), expected, "{format}");
        assert_eq!(count, 4, "two files, and a directory with one");

        let (some, _) = passed(&["cache/**"], &all).await.unwrap();
        let kept = names(&some);
        assert!(kept.contains("uploads/cache/"), "{kept:?}");
        assert!(!kept.contains("uploads/cache/three.txt"), "{kept:?}");
        assert!(kept.contains("uploads/deep/cache/four.txt"), "{kept:?}");
    }
}

#[tokio::test]
async fn an_archive_that_breaks_off_is_an_error_wherever_that_is() {
    let folder = folder();
    let all = tar(folder.path(), &["-c", "-f", "-", "uploads"]);
    let end = all.iter().rposition(|byte| *byte != 0).unwrap();
    for length in [0, 100, 512, 700, end / 2, end - 512] {
        let broken = passed(&["*.tmp"], &all[..length]).await.unwrap_err();
        assert_eq!(broken.kind(), io::ErrorKind::UnexpectedEof, "{length}");
    }
    let noise = vec![b'9'; 2048];
    let wrong = passed(&["*.tmp"], &noise).await.unwrap_err();
    assert!(wrong.to_string().contains("size"), "{wrong}");
}

#[tokio::test]
async fn a_link_to_what_is_left_out_is_told() {
    let folder = folder();
    let uploads = folder.path().join("uploads");
    std::fs::hard_link(uploads.join("one.txt"), uploads.join("same.keep")).unwrap();
    let order = ["-c", "-f", "-", "uploads/one.txt", "uploads/same.keep"];
    let all = tar(folder.path(), &order);
    let told = passed(&["*.txt"], &all).await.unwrap_err().to_string();
    assert!(told.contains("uploads/same.keep"), "{told}");
    let (both, _) = passed(&["one.txt", "same.keep"], &all).await.unwrap();
    assert!(names(&both).is_empty());
    passed(&["*.tmp"], &all).await.unwrap();
}

#[test]
fn what_is_no_pattern_is_told() {
    let wrong = LeaveOut::new(&["[z-a]".to_owned()]).unwrap_err();
    assert!(wrong.contains("`[z-a]`"), "{wrong}");
}
