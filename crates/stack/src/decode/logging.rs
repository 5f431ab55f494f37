//! Where an engine keeps what a container writes.

use super::Context;
use super::volumes::pairs;
use crate::resolved::{Log, Logging};
use crate::tree::Node;
use mainstay_model::Problem;

/// Drivers that keep files of their own, and rotate them.
const ROTATING: [&str; 2] = ["json-file", "local"];

/// The driver and all its options; rotation goes without saying where the driver rotates.
pub(super) fn logging(context: &mut Context<'_, '_>, service: &Node, log: &Log) -> Logging {
    let node = service.get("logging");
    let mut logging = Logging::default();
    if let Some(driver) = node.and_then(|node| node.get("driver")) {
        driver
            .as_text()
            .unwrap_or_default()
            .clone_into(&mut logging.driver);
        if logging.driver == "none" {
            let message = "`mainstay logs` has nothing to show of a container without a log";
            let problem = Problem::warning("compose/not-used", message);
            context.problem(driver, problem.hint("`local` keeps little, and rotates"));
        }
    }
    let options = node.and_then(|node| node.get("options"));
    for entry in options.map(Node::entries).unwrap_or_default() {
        context.refuse_secret(&entry.value, "an option of the log");
    }
    logging.options = pairs(options);
    if ROTATING.contains(&logging.driver.as_str()) {
        let mut default = |key: &str, value: String| {
            logging.options.entry(key.to_owned()).or_insert(value);
        };
        default("max-size", log.max_size.0.to_string());
        default("max-file", log.max_files.to_string());
    }
    logging
}
