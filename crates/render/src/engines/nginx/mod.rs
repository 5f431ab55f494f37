//! A web server in front of the stack.
//!
//! `nginx.conf` is whole; what it includes can be included elsewhere too: `conf.d` holds the upstreams and the
//! servers, `snippets` what their locations share. Source: <https://nginx.org/en/docs/>, for 1.22 and later.

mod lost;
mod server;
mod shared;
mod upstream;

use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::TargetKind;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    if stack.routes.is_empty() && upstream::published(stack).next().is_none() {
        out.refused(
            "routes",
            "no request would be passed on to anything",
            "write `routes:` in mainstay.yaml",
        );
        return;
    }
    lost::name(stack, out);
    let upstreams = match stack.target {
        TargetKind::Process => upstream::of_proxy(stack),
        _ => upstream::of_services(stack, out),
    };
    out.text("nginx.conf", "#", shared::MAIN);
    out.text("conf.d/00-limits.conf", "#", &shared::limits(stack));
    out.text("conf.d/10-upstreams.conf", "#", &upstream::text(&upstreams));
    out.text(
        "conf.d/20-servers.conf",
        "#",
        &server::text(stack, &upstreams),
    );
    out.text("conf.d/90-status.conf", "#", shared::STATUS);
    out.text("snippets/acme.conf", "#", shared::ACME);
    out.text("snippets/private.conf", "#", shared::PRIVATE);
    out.text("snippets/proxy.conf", "#", shared::PROXY);
    out.text("snippets/security.conf", "#", shared::SECURITY);
    out.text("snippets/tls.conf", "#", shared::TLS);
}

/// A text as one word of nginx's configuration, whatever is in it but variables.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
