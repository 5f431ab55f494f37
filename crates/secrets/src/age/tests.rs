//! The format against itself, and against everything that can be done to a file. `age` itself is
//! asked in the acceptance tests.

use super::*;
use proptest::prelude::*;

fn pair() -> (Identity, Recipient) {
    let identity = Identity::generate().unwrap();
    let recipient = identity.recipient();
    (identity, recipient)
}

#[test]
fn keys_are_read_as_they_are_written() {
    let (identity, recipient) = pair();
    let text = identity.secret_text();
    assert!(text.expose().starts_with("AGE-SECRET-KEY-1"), "its form");
    let again: Identity = text.expose().parse().unwrap();
    assert_eq!(again.recipient(), recipient);
    let shown = recipient.to_string();
    assert!(shown.starts_with("age1") && shown.len() == 62, "{shown}");
    assert_eq!(shown.parse(), Ok(recipient));
    assert_eq!(shown.parse::<Identity>().unwrap_err(), KeyError::Recipient);
    assert_eq!(text.expose().parse::<Recipient>(), Err(KeyError::Identity));
    for (text, error) in [
        ("age1xyz", KeyError::NoKey),
        ("ssh-ed25519 AAAA", KeyError::OtherKind),
        ("", KeyError::NoKey),
    ] {
        assert_eq!(text.parse::<Recipient>(), Err(error), "{text}");
    }
    let file = format!("# created\n\n{}\n", text.expose());
    assert_eq!(identities(&file).unwrap().len(), 1);
    let wrong = recipients(&format!("{shown}\n# x\nage1xyz\n"));
    assert_eq!(wrong, Err((3, KeyError::NoKey)));
}

#[test]
fn each_recipient_opens_a_file_and_nobody_else() {
    let ((first, a), (second, b), (third, _)) = (pair(), pair(), pair());
    for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let plain: Vec<u8> = (0..length).map(|n: u32| n as u8).collect();
        let file = encrypt(&[a, b], &plain).unwrap();
        for identity in [&first, &second] {
            let identity: Identity = identity.secret_text().expose().parse().unwrap();
            let opened = decrypt(&[identity], file.as_bytes()).unwrap();
            assert_eq!(*opened.expose(), plain, "{length}");
        }
        let third: Identity = third.secret_text().expose().parse().unwrap();
        let refused = decrypt(&[third], file.as_bytes()).map(|_| ());
        assert_eq!(refused, Err(AgeError::NotForUs(2)));
    }
    assert_eq!(encrypt(&[], b"x"), Err(AgeError::NoRecipient));
}

#[test]
fn armor_is_an_outer_form_only() {
    let (identity, recipient) = pair();
    let armored = encrypt(&[recipient], b"hunter2").unwrap();
    let binary = armor::read(armored.as_bytes()).unwrap().into_owned();
    assert!(binary.starts_with(b"age-encryption.org/v1\n-> X25519 "));
    let windows = armored.replace('\n', "\r\n");
    for file in [armored.as_bytes(), &binary, windows.as_bytes()] {
        let opened = decrypt(std::slice::from_ref(&identity), file).unwrap();
        assert_eq!(opened.expose(), b"hunter2");
    }
    for (from, to) in [
        ("\n-----END", "\n\n-----END"),
        ("-----END AGE ENCRYPTED FILE-----\n", ""),
        ("FILE-----\nY", "FILE-----\n Y"),
    ] {
        let damaged = armored.replacen(from, to, 1);
        assert_ne!(damaged, armored, "{from:?} stands in it");
        let refused = decrypt(std::slice::from_ref(&identity), damaged.as_bytes());
        assert!(matches!(refused, Err(AgeError::Format(_))), "{from:?}");
    }
}

#[test]
fn every_changed_or_missing_byte_is_noticed() {
    let (identity, recipient) = pair();
    let armored = encrypt(&[recipient], b"the whole of it").unwrap();
    let file = armor::read(armored.as_bytes()).unwrap().into_owned();
    let identity = [identity];
    for index in 0..file.len() {
        let mut changed = file.clone();
        changed[index] ^= 1;
        assert!(decrypt(&identity, &changed).is_err(), "byte {index}");
        assert!(
            decrypt(&identity, &file[..index]).is_err(),
            "cut at {index}"
        );
    }
    let longer = [&file[..], b"x"].concat();
    assert!(decrypt(&identity, &longer).is_err());
}

#[test]
fn chunks_cannot_be_left_out_or_turned_round() {
    const CHUNK: usize = 64 * 1024 + 16;
    let (identity, recipient) = pair();
    let armored = encrypt(&[recipient], &vec![7; 3 * 64 * 1024]).unwrap();
    let file = armor::read(armored.as_bytes()).unwrap().into_owned();
    let start = file.len() - 3 * CHUNK;
    let part = |index: usize| &file[start + index * CHUNK..start + (index + 1) * CHUNK];
    let head = &file[..start];
    let identity = [identity];
    for parts in [vec![0, 1], vec![1, 0, 2], vec![0, 2], vec![2], vec![]] {
        let pieces = parts.iter().map(|index| part(*index));
        let file: Vec<u8> = [head]
            .into_iter()
            .chain(pieces)
            .flatten()
            .copied()
            .collect();
        let refused = decrypt(&identity, &file).map(|_| ());
        assert_eq!(refused, Err(AgeError::Changed), "{parts:?}");
    }
}

#[test]
fn what_is_not_supported_is_said() {
    let identity = [Identity::generate().unwrap()];
    let with = |stanza: &str| {
        let file = format!("age-encryption.org/v1\n{stanza}\n--- AAAA\nxxxxxxxxxxxxxxxx");
        decrypt(&identity, file.as_bytes()).map(|_| ())
    };
    assert_eq!(
        with("-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\nAAAA"),
        Err(AgeError::Passphrase)
    );
    assert_eq!(with("-> other-kind\n"), Err(AgeError::NotForUs(1)));
    for damaged in ["-> \nAAAA", "-> X25519\nAAAA", "-> X25519 AAAA\nAAAA", "x"] {
        assert!(
            matches!(with(damaged), Err(AgeError::Format(_))),
            "{damaged}"
        );
    }
    // A share of small order gives everybody the same secret.
    let zero = format!("-> X25519 {}\n{}", "A".repeat(43), "A".repeat(43));
    assert!(matches!(with(&zero), Err(AgeError::Format(_))));
    let large = vec![b'x'; LIMIT_FILE_BYTES + 1];
    assert_eq!(
        decrypt(&identity, &large).map(|_| ()),
        Err(AgeError::TooLarge)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let identity = [Identity::generate().unwrap()];
        prop_assert!(decrypt(&identity, &bytes).is_err());
        let whole = [b"age-encryption.org/v1\n-> X25519 ".as_slice(), &bytes].concat();
        prop_assert!(decrypt(&identity, &whole).is_err());
    }

    #[test]
    fn any_text_is_a_key_or_none(text in "[a-zA-Z0-9 -]{0,80}") {
        let _ = text.parse::<Identity>();
        let _ = text.parse::<Recipient>();
        let _ = identities(&text);
    }
}
