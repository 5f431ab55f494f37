//! `printf`.

use crate::value::Value;

pub(crate) fn printf(arguments: &[Value]) -> Result<String, String> {
    let _ = arguments;
    Err("printf is not there yet".to_owned())
}
