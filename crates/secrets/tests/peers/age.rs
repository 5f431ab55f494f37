//! `age` and `age-keygen`: what they write we read, what we write they read.

use crate::program;
use mainstay_secrets::age::{Identity, Recipient, decrypt, encrypt, identities};
use mainstay_secrets::encrypted::EncryptedFile;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Around the size of a chunk, and more than one.
const SIZES: [usize; 6] = [0, 1, 65_535, 65_536, 65_537, 200_000];

/// Runs it with `input`; what it wrote to standard output.
fn run(program: &Path, arguments: &[&OsStr], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", program.display());
    output.stdout
}

/// A key that `age-keygen` made: where it is, and what we make of it.
fn key(directory: &Path, name: &str, keygen: &Path) -> (PathBuf, Identity, Recipient) {
    let path = directory.join(name);
    run(keygen, &["-o".as_ref(), path.as_ref()], b"");
    let text = std::fs::read_to_string(&path).unwrap();
    let identity = identities(&text).unwrap().remove(0);
    let public = text
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    let recipient: Recipient = public.parse().unwrap();
    assert_eq!(identity.recipient(), recipient);
    (path, identity, recipient)
}

fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[test]
fn age_opens_what_we_write() {
    let test = "age_opens_what_we_write";
    let (Some(age), Some(keygen)) = (program("age", test), program("age-keygen", test)) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let (first, _, a) = key(place.path(), "first", &keygen);
    let (second, _, b) = key(place.path(), "second", &keygen);
    // One that we made ourselves, as a file for `age`.
    let ours = Identity::generate().unwrap();
    let third = place.path().join("third");
    std::fs::write(&third, ours.secret_text().expose()).unwrap();
    for size in SIZES {
        let file = encrypt(&[a, b, ours.recipient()], &plain(size)).unwrap();
        for key in [&first, &second, &third] {
            let arguments = ["-d".as_ref(), "-i".as_ref(), key.as_os_str()];
            let opened = run(&age, &arguments, file.as_bytes());
            assert_eq!(opened, plain(size), "{size} bytes with {}", key.display());
        }
    }
}

#[test]
fn we_open_what_age_writes() {
    let test = "we_open_what_age_writes";
    let (Some(age), Some(keygen)) = (program("age", test), program("age-keygen", test)) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let (_, identity, recipient) = key(place.path(), "key", &keygen);
    let other = Identity::generate().unwrap();
    let recipients = place.path().join("recipients");
    let lines = format!("# us\n{recipient}\n\n{}\n", other.recipient());
    std::fs::write(&recipients, lines).unwrap();
    let identities = [other, identity];
    for size in SIZES {
        for armor in [&["-a"][..], &[]] {
            let mut arguments: Vec<&OsStr> = vec!["-R".as_ref(), recipients.as_ref()];
            arguments.extend(armor.iter().map(OsStr::new));
            let file = run(&age, &arguments, &plain(size));
            for identity in &identities {
                let opened = decrypt(std::slice::from_ref(identity), &file).unwrap();
                assert_eq!(*opened.expose(), plain(size), "{size} {armor:?}");
            }
        }
    }
}

#[test]
fn a_file_of_secrets_is_changed_by_either() {
    let test = "a_file_of_secrets_is_changed_by_either";
    let (Some(age), Some(keygen)) = (program("age", test), program("age-keygen", test)) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let (path, identity, recipient) = key(place.path(), "key", &keygen);
    let identities = [identity];
    let file = EncryptedFile::new(place.path().join("secrets.dev.age"));
    file.change_recipients(&[], |all| all.push(recipient))
        .unwrap();
    file.change(&identities, |values| {
        let value = mainstay_model::Secret::new("hunter2".to_owned());
        values.insert("password".to_owned(), value);
    })
    .unwrap();
    let arguments = [
        "-d".as_ref(),
        "-i".as_ref(),
        path.as_os_str(),
        file.path().as_os_str(),
    ];
    let json = String::from_utf8(run(&age, &arguments, b"")).unwrap();
    assert_eq!(json, "{\n  \"password\": \"hunter2\"\n}\n");
    let changed = json.replace("hunter2", "of-age-itself");
    let beside = file.recipients_path();
    let arguments = ["-a".as_ref(), "-R".as_ref(), beside.as_os_str()];
    let written = run(&age, &arguments, changed.as_bytes());
    std::fs::write(file.path(), written).unwrap();
    let values = file.read(&identities).unwrap();
    assert_eq!(values["password"].expose(), "of-age-itself");
}
