//! Any bytes as `mainstay.yaml`: no panic, no endless work, and a stack only without errors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_stack::{MemoryLoader, Request, resolve};

const COMPOSE: &str = "
services:
  app: {x-mainstay: {command: app}, ports: ['1:1']}
  worker: {x-mainstay: {command: worker}, scale: 2}
";

fuzz_target!(|text: &str| {
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", COMPOSE)
        .with("/shop/mainstay.yaml", text);
    for environment in ["dev", "production"] {
        let request = Request {
            directory: "/shop".into(),
            environment: Some(environment.into()),
            ..Request::default()
        };
        let resolution = resolve(&files, &request);
        assert_eq!(
            resolution.stack.is_none(),
            resolution.problems.has_errors(),
            "{}",
            resolution.problems
        );
    }
});
