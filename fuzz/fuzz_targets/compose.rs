//! Any bytes as a Compose file: no panic, no endless work, and a stack only without errors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_stack::{MemoryLoader, Request, init, resolve, schema};

fuzz_target!(|text: &str| {
    // The text twice, so that `extends` and `include` have another file to name.
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", text)
        .with("/shop/other.yaml", text)
        .with("/shop/.env", text);
    let request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    let resolution = resolve(&files, &request);
    assert_eq!(
        resolution.stack.is_none(),
        resolution.problems.has_errors(),
        "{}",
        resolution.problems
    );
    if let Some(stack) = resolution.stack {
        let _ = (init(&stack), stack.redacted(), schema());
        let order = mainstay_stack::dependency_order(&stack);
        assert_eq!(order.len(), stack.services.len());
    }
});
