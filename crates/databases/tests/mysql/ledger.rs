//! What is written while dumps are made, and how a copy is judged.

use crate::server::Server;

/// Accounts, a log of numbered transfers, and everything else that a database has.
pub(crate) const SCHEMA: &str = r"
CREATE TABLE account (id INT PRIMARY KEY, balance INT NOT NULL) ENGINE=InnoDB;
CREATE TABLE counter (n INT NOT NULL) ENGINE=InnoDB;
CREATE TABLE log (n INT PRIMARY KEY, source INT NOT NULL, target INT NOT NULL, amount INT NOT NULL,
  note VARCHAR(40), FOREIGN KEY (source) REFERENCES account (id), FOREIGN KEY (target) REFERENCES account (id)) ENGINE=InnoDB;
CREATE TABLE `odd ``name` (id INT AUTO_INCREMENT PRIMARY KEY, bytes BLOB, words TEXT CHARACTER SET utf8mb4, f DOUBLE,
  made INT AS (id + 1) VIRTUAL, at TIMESTAMP DEFAULT '2026-01-01 00:00:00');
INSERT INTO `odd ``name` (bytes, words, f) VALUES (x'00275c22ff0a', 'it''s \\ (é), 👍\n);', 0.1), (NULL, NULL, 1e300);
INSERT INTO account SELECT seq, 1000 FROM seq_1_to_50;
INSERT INTO counter VALUES (0);
CREATE TABLE audit (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20)) ENGINE=InnoDB;
CREATE TRIGGER noted BEFORE INSERT ON log FOR EACH ROW SET NEW.note = CONCAT('n', NEW.n);
CREATE FUNCTION total() RETURNS INT READS SQL DATA RETURN (SELECT SUM(balance) FROM account);
CREATE VIEW rich AS SELECT id, balance, total() AS whole FROM account WHERE balance > 1000;
CREATE VIEW richest AS SELECT MAX(balance) AS most FROM rich;
CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO DELETE FROM audit;
DELIMITER //
CREATE PROCEDURE churn(times INT) BEGIN
  DECLARE a INT; DECLARE b INT; DECLARE x INT; DECLARE i INT DEFAULT 0; DECLARE m INT;
  WHILE i < times DO
    SET a = 1 + FLOOR(RAND() * 50), b = 1 + FLOOR(RAND() * 50), x = 1 + FLOOR(RAND() * 90), i = i + 1;
    START TRANSACTION;
    UPDATE counter SET n = n + 1;
    SELECT n INTO m FROM counter;
    UPDATE account SET balance = balance - x WHERE id = a;
    UPDATE account SET balance = balance + x WHERE id = b;
    INSERT INTO log (n, source, target, amount) VALUES (m, a, b, x);
    COMMIT;
  END WHILE;
END//
DELIMITER ;
";

/// Accounts that are not what the log makes of them.
const WRONG: &str = "SELECT COUNT(*) FROM account WHERE balance <> 1000 + (SELECT COALESCE(SUM(amount), 0) FROM \
                     log WHERE target = account.id) - (SELECT COALESCE(SUM(amount), 0) FROM log WHERE source = account.id)";

/// The number of the state: its sum holds, and its log leads to its balances.
pub(crate) fn judged(server: &Server, database: &str) -> i64 {
    assert_eq!(
        server.sql("SELECT SUM(balance) FROM account", database),
        "50000"
    );
    assert_eq!(server.sql(WRONG, database), "0");
    let number = server.sql("SELECT n FROM counter", database);
    assert_eq!(server.sql("SELECT COUNT(*) FROM log", database), number);
    number.parse().unwrap()
}

pub(crate) fn number(server: &Server, database: &str) -> i64 {
    server
        .sql("SELECT n FROM counter", database)
        .parse()
        .unwrap()
}
