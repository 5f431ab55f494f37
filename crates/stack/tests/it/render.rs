//! The section `render`: what it says, and everything that is wrong with it at once.

use mainstay_stack::{MemoryLoader, Request, Resolution, resolve};
use snapbox::{assert_data_eq, str};

fn resolved(section: &str) -> Resolution {
    let compose = "
services:
  app: {image: app, scale: 2, ports: ['80:8000']}
  bot: {image: bot, x-mainstay: {singleton: true}}
";
    let files = MemoryLoader::default()
        .with("/shop/compose.yaml", compose)
        .with("/shop/mainstay.yaml", section);
    let request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    resolve(&files, &request)
}

#[test]
fn instances_are_chosen_by_processor_time_where_nothing_is_said() {
    let stack = resolved("render: {services: {app: {autoscale: {max: 5}}}, registry: r/x/}").stack;
    let render = stack.expect("a stack").render;
    let autoscale = render.services["app"].autoscale.clone().expect("a rule");
    assert_eq!(
        (autoscale.min, autoscale.max),
        (2, 5),
        "from as many as there are"
    );
    assert_eq!((autoscale.cpu, autoscale.memory), (Some(70), None));
    assert_eq!(render.registry.as_deref(), Some("r/x"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let resolution = resolved(
        "render:
  services:
    ap: {language: rust}
    app: {autoscale: {min: 5, max: 3}}
    bot: {autoscale: {max: 3}}
  cloud: {zones: 9, database_replicas: 99}
  layout:
    - {path: ../k8s, of: kubernetes}
    - {path: k8s}
    - {path: a, of: nginx}
    - {path: a/, of: redis}
",
    );
    assert!(resolution.stack.is_none());
    assert_data_eq!(
        resolution.problems.to_string(),
        str![[r"
error: mainstay.yaml:3:5: no service `ap`
  hint: did you mean `app`?
error: mainstay.yaml:4:22: `autoscale` from 5 to 3 instances is none
  hint: `min` is 1 or more, `max` not less
error: mainstay.yaml:5:22: `bot` cannot be scaled: there is never more than one of it
  hint: take `autoscale` out
error: mainstay.yaml:6:18: `zones` cannot be 9
  hint: 2 to 6
error: mainstay.yaml:6:40: `database_replicas` cannot be 99
  hint: 0 to 15
error: mainstay.yaml:8:7: `../k8s` is not below the stack's directory
  hint: such as `k8s` or `ops/alerts.yml`
error: mainstay.yaml:9:7: `path` and `of` are both needed
  hint: such as `{path: k8s, of: kubernetes}`
error: mainstay.yaml:11:7: `a` stands twice
  hint: each path is written once
"]]
    );
}
