//! Dumps written by hand; what real programs write is in the tests of the crate.

use super::{Scan, Scanned};

const DUMP: &str = r"
CREATE TABLE `a` (
  `id` int(11) NOT NULL,
  KEY `CREATE TABLE ``x``` (`id`)
) ENGINE=InnoDB;
INSERT INTO `a` VALUES
(1,'it\'s (\'),(2,\'x\');\n'),
(2,'('),(3,0x0027);
INSERT INTO `a` VALUES (4,'''');
DELIMITER ;;
CREATE TRIGGER t BEFORE INSERT ON `a` FOR EACH ROW
INSERT INTO `a` VALUES (9,'no');
;;
DELIMITER ;
CREATE TABLE `b``c VALUES` (
INSERT INTO `b``c VALUES` (`id`, `VALUES`) VALUES (1,2);
CREATE TABLE `empty` (

-- Dump completed
";

fn scanned(text: &str, step: usize) -> Scanned {
    let mut scan = Scan::new();
    for piece in text.as_bytes().chunks(step) {
        scan.push(piece);
    }
    scan.end()
}

#[test]
fn rows_are_counted_however_the_pieces_fall() {
    let whole = scanned(DUMP, DUMP.len());
    let tables = &whole.figures.tables;
    let rows: Vec<(&str, u64)> = tables
        .iter()
        .map(|(name, table)| (name.as_str(), table.rows))
        .collect();
    assert_eq!(rows, [("a", 4), ("b`c VALUES", 1), ("empty", 0)]);
    assert!(whole.complete);
    for step in 1..20 {
        assert_eq!(scanned(DUMP, step), whole, "{step}");
    }
}

#[test]
fn the_order_of_rows_does_not_count_and_their_content_does() {
    let dump = |rows: &str| {
        scanned(
            &format!("CREATE TABLE `a` (\nINSERT INTO `a` VALUES {rows};\n"),
            64,
        )
    };
    let sum = |rows: &str| dump(rows).figures.tables["a"].checksum.clone();
    assert_eq!(sum("(1,'a'),(2,'b')"), sum("(2,'b'),\n(1,'a')"));
    assert_ne!(sum("(1,'a'),(2,'b')"), sum("(1,'b'),(2,'a')"));
    assert_ne!(sum("(1,'a')"), sum("(1,'a'),(1,'a')"));
}

#[test]
fn what_is_cut_is_not_complete() {
    for length in 0..DUMP.len() - 2 {
        assert!(!scanned(&DUMP[..length], 1024).complete, "{length}");
    }
}
