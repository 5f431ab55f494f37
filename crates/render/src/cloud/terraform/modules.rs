//! The modules, as they lie beside this file: there they are formatted, validated and judged as they are.

/// A module's files, by their names.
pub(super) struct Module {
    pub(super) name: &'static str,
    pub(super) files: &'static [(&'static str, &'static str)],
}

macro_rules! module {
    ($name:literal: $($file:literal),+) => {
        Module {
            name: $name,
            files: &[$((
                concat!($file, ".tf"),
                include_str!(concat!("modules/", $name, "/", $file, ".tf")),
            )),+],
        }
    };
}

pub(super) const MODULES: [Module; 15] = [
    module!("alb": "main", "outputs", "variables", "versions", "waf"),
    module!("cloudtrail": "main", "outputs", "variables", "versions"),
    module!("dns": "main", "outputs", "variables", "versions"),
    module!("ecs": "main", "outputs", "variables", "versions"),
    module!("ecs-service": "codedeploy", "iam", "main", "outputs", "variables", "versions"),
    module!("efs": "main", "outputs", "variables", "versions"),
    module!("eks": "irsa", "main", "nodes", "outputs", "variables", "versions"),
    module!("kms": "main", "outputs", "variables", "versions"),
    module!("logs": "main", "outputs", "variables", "versions"),
    module!("monitoring": "main", "outputs", "variables", "versions"),
    module!("rds": "main", "outputs", "variables", "versions"),
    module!("redis": "main", "outputs", "variables", "versions"),
    module!("s3": "main", "outputs", "replication", "variables", "versions"),
    module!("secrets": "main", "outputs", "variables", "versions"),
    module!("vpc": "flow_logs", "main", "outputs", "security", "variables", "versions"),
];

/// Modules that another is made of.
pub(super) fn needs(name: &str) -> &'static [&'static str] {
    match name {
        "cloudtrail" | "logs" => &["s3"],
        _ => &[],
    }
}
