//! Copies that differ, and copies that cannot be right.

use super::*;

fn figures(tables: &[(&str, u64, Option<&str>)]) -> Figures {
    let tables = tables.iter().map(|(name, rows, checksum)| {
        let figures = TableFigures {
            rows: *rows,
            checksum: checksum.map(str::to_owned),
        };
        ((*name).to_owned(), figures)
    });
    Figures {
        tables: tables.collect(),
    }
}

#[test]
fn every_difference_is_said_in_words() {
    let saved = figures(&[
        ("public.orders", 10, Some("a")),
        ("public.users", 3, Some("b")),
        ("public.gone", 7, None),
        ("public.same", 1, Some("c")),
        ("public.unknown", 1, None),
    ]);
    let restored = figures(&[
        ("public.orders", 9, Some("x")),
        ("public.users", 3, Some("x")),
        ("public.more", 2, None),
        ("public.same", 1, Some("c")),
        ("public.unknown", 1, Some("d")),
    ]);
    let words: Vec<String> = (differences(&saved, &restored).iter())
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        words,
        [
            "`public.gone` is missing: 7 rows were saved",
            "`public.orders` has 9 rows, 10 were saved",
            "`public.users` has as many rows, with other content",
            "`public.more` was not saved, and has 2 rows",
        ]
    );
    assert_eq!(differences(&saved, &saved), []);
}

fn amount(bytes: u64, tables: &[(&str, u64)]) -> Amount {
    let tables: Vec<_> = tables
        .iter()
        .map(|(name, rows)| (*name, *rows, None))
        .collect();
    Amount {
        bytes,
        figures: Some(figures(&tables)),
    }
}

#[test]
fn a_copy_that_cannot_be_right_is_found_by_those_before_it() {
    const MIB: u64 = 1 << 20;
    let usual = amount(10 * MIB, &[("orders", 1000), ("small", 5)]);
    let before = vec![usual.clone(); 7];
    let words = |now: &Amount, before: &[Amount], minimum| {
        let all = suspicious(now, before, minimum);
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        (words, all.iter().any(Suspicion::is_failure))
    };
    assert_eq!(words(&usual, &before, MIB), (vec![], false));
    assert_eq!(
        words(&usual, &[], 0),
        (vec![], false),
        "the first has no other"
    );
    assert_eq!(
        words(&amount(0, &[]), &before, 0),
        (vec!["it is empty".to_owned()], true)
    );
    let (small, fails) = words(
        &amount(MIB, &[("orders", 400), ("small", 0)]),
        &before,
        2 * MIB,
    );
    assert_eq!(
        small,
        [
            "it has 1 MiB, less than the 2 MiB that `minimum` asks for",
            "it has 1 MiB, usual is 10 MiB",
            "`orders` has 400 rows, usual is 1000",
        ]
    );
    assert!(fails);
    let (gone, fails) = words(&amount(10 * MIB, &[("orders", 1000)]), &before, 0);
    assert_eq!(gone, ["`small` is not there any more, it had 5 rows"]);
    assert!(!fails);
    let (none, fails) = words(&amount(MIB * 9, &[]), &before, 0);
    assert_eq!(none, ["it has no tables, the last one had 2"]);
    assert!(fails);
}

#[test]
fn one_odd_copy_changes_nothing_about_what_is_usual() {
    const MIB: u64 = 1 << 20;
    let mut before = vec![amount(10 * MIB, &[("orders", 1000)]); 5];
    before[0] = amount(MIB, &[("orders", 10)]);
    assert_eq!(
        suspicious(&amount(10 * MIB, &[("orders", 1000)]), &before, 0),
        []
    );
    assert_eq!(
        suspicious(&amount(MIB, &[("orders", 10)]), &before, 0).len(),
        2
    );
}
