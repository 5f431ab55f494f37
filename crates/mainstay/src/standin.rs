//! Stands in for the resolver until it is there.

pub mod stack {
    pub use ::mainstay_stack::*;
    pub const LIMIT_FILE_BYTES: usize = 1 << 20;
    use mainstay_model::Problems;
    use std::path::{Path, PathBuf};
    pub enum LoadError {
        NotFound,
        TooLarge,
        NotText,
        Other(String),
    }
    pub trait Loader {
        fn read(&self, path: &Path) -> Result<String, LoadError>;
        fn exists(&self, path: &Path) -> bool;
    }
    pub struct Request {
        pub directory: PathBuf,
        pub compose_files: Vec<PathBuf>,
        pub mainstay_file: Option<PathBuf>,
        pub environment: Option<String>,
        pub profiles: Vec<String>,
        pub variables: std::collections::BTreeMap<String, String>,
        pub sets: Vec<String>,
    }
    pub struct Environment {
        pub server: Option<String>,
    }
    pub struct Resolution {
        pub stack: Option<Stack>,
        pub environment: Option<Environment>,
        pub problems: mainstay_model::Problems,
        pub files: Vec<PathBuf>,
    }
    pub fn resolve(_l: &dyn Loader, r: &Request) -> Resolution {
        let stack = std::fs::read(r.directory.join("stack.json"))
            .ok()
            .and_then(|b| {
                serde_json::from_slice(&b)
                    .map_err(|e| eprintln!("{e}"))
                    .ok()
            });
        Resolution {
            stack,
            environment: None,
            problems: Problems::default(),
            files: vec![],
        }
    }
    pub trait Redacted {
        fn redacted(&self) -> Self;
    }
    impl Redacted for Stack {
        fn redacted(&self) -> Self {
            self.clone()
        }
    }
    pub fn init(_s: &Stack) -> String {
        String::new()
    }
    pub fn schema() -> serde_json::Value {
        serde_json::Value::Null
    }
}
