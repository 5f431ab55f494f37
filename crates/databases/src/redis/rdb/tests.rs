//! Files written by hand; what real servers write is in the tests of the crate.

use super::{RdbError, read};

/// A file of these parts, ended without a checksum.
fn file(parts: &[&[u8]]) -> Vec<u8> {
    [b"REDIS0010".as_slice(), &parts.concat(), b"\xff", &[0; 8]].concat()
}

fn sum(file: &[u8]) -> String {
    let rdb = read(&mut &*file).unwrap();
    rdb.figures.tables["db0"].checksum.clone().unwrap()
}

#[test]
fn keys_are_counted_where_they_are() {
    let bytes = file(&[
        b"\xfa\x09redis-ver\x067.0.15",
        b"\xfe\x00\xfb\x02\x01\x00\x01a\x01b\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01c\x01d",
        b"\xfe\x03\x00\x01e\xc0\x07",
    ]);
    let rdb = read(&mut &*bytes).unwrap();
    let rows: Vec<(&str, u64)> = rdb
        .figures
        .tables
        .iter()
        .map(|(name, table)| (name.as_str(), table.rows))
        .collect();
    assert_eq!(rows, [("db0", 2), ("db3", 1)]);
    assert_eq!(rdb.expiring, 1);
    assert_eq!(rdb.about["redis-ver"], "7.0.15");
    assert_eq!(rdb.length, bytes.len() as u64);
}

#[test]
fn neither_order_nor_packing_counts() {
    let plain = file(&[b"\xfe\x00\x02\x01s\x02\x011\x012"]);
    let turned = file(&[b"\xfe\x00\x02\x01s\x02\x012\x011"]);
    let numbers = file(&[b"\xfe\x00\x0b\x01s\x0c\x02\0\0\0\x02\0\0\0\x01\0\x02\0"]);
    let listpack = file(&[b"\xfe\x00\x14\x01s\x0b\x0b\0\0\0\x02\0\x01\x01\x02\x01\xff"]);
    let sums = [plain, turned, numbers, listpack].map(|file| sum(&file));
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    let other = file(&[b"\xfe\x00\x02\x01s\x02\x011\x013"]);
    assert_ne!(sum(&other), sums[0]);
}

#[test]
fn the_order_of_a_list_counts() {
    let one = file(&[b"\xfe\x00\x01\x01l\x02\x01a\x01b"]);
    let two = file(&[b"\xfe\x00\x01\x01l\x02\x01b\x01a"]);
    assert_ne!(sum(&one), sum(&two));
}

#[test]
fn what_is_not_known_is_told_from_what_is_damaged() {
    let unknown = file(&[b"\xfe\x00\x40\x01a\x01b"]);
    assert!(matches!(read(&mut &*unknown), Err(RdbError::Unknown(0x40))));
    assert!(matches!(read(&mut &b"<html>..."[..]), Err(RdbError::NoRdb)));
    let whole = file(&[b"\xfe\x00\x00\x01a\x01b"]);
    for length in 0..whole.len() {
        assert!(
            matches!(read(&mut &whole[..length]), Err(RdbError::Short)),
            "{length}"
        );
    }
    let endless = file(&[b"\xfe\x00\x00\x01a\x81\xff\xff\xff\xff\xff\xff\xff\xff"]);
    assert!(matches!(read(&mut &*endless), Err(RdbError::Damaged(_))));
}
