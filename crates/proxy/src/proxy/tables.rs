//! From a valid configuration to what the listeners look requests up in.

use crate::config::{Accept, Config, Hsts};
use crate::metrics::{Labels, Registry, Series};
use crate::pool::Pool;
use crate::table::{Route, Routes, Secure, Serve, Table, TcpRoute};
use hyper::header::HeaderValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The pools that a valid configuration names are there.
pub(super) fn table(
    listener: &crate::config::Listener,
    config: &Config,
    pools: &BTreeMap<String, Arc<Pool>>,
    challenges: &Arc<BTreeMap<String, String>>,
    registry: &Registry,
) -> Table {
    let series = |route: &str, pool: &Pool| series(&listener.name, route, pool, registry);
    let serve = match &listener.accept {
        Accept::Tcp { pool } => {
            let pool = Arc::clone(&pools[pool]);
            let (series, unserved) = series(&listener.name, &pool);
            Serve::Tcp(Arc::new(TcpRoute {
                listener: listener.name.clone(),
                pool,
                series,
                unserved,
            }))
        }
        Accept::Http { routes: configured } => {
            let mut routes = Routes::default();
            for route in configured {
                let pool = Arc::clone(&pools[&route.pool]);
                let (series, unserved) = series(&route.name, &pool);
                let runtime = Arc::new(Route {
                    name: route.name.clone(),
                    listener: listener.name.clone(),
                    prefix: route.path.trim_end_matches('/').to_owned(),
                    strip_prefix: route.strip_prefix,
                    timeout: route.timeout,
                    max_body: route.max_body.0,
                    pool,
                    series,
                    unserved,
                });
                routes.add(&route.hosts, &runtime);
            }
            routes.sort();
            Serve::Http(routes)
        }
    };
    // An authority asks on the plain port (RFC 8555, section 8.3).
    let asked = listener.tls.is_none() && !challenges.is_empty();
    let secure = listener.tls.as_ref().map(|secure| Secure {
        hsts: secure.hsts.as_ref().map(hsts),
    });
    Table {
        name: listener.name.clone(),
        limits: config.limits.clone(),
        from: listener.from,
        serve,
        secure,
        redirect: listener.redirect.clone(),
        challenges: asked.then(|| Arc::clone(challenges)),
        unrouted: registry.series(Labels {
            listener: listener.name.clone(),
            ..Labels::default()
        }),
    }
}

fn hsts(hsts: &Hsts) -> HeaderValue {
    let mut value = format!("max-age={}", hsts.max_age.as_secs());
    if hsts.include_subdomains {
        value.push_str("; includeSubDomains");
    }
    if hsts.preload {
        value.push_str("; preload");
    }
    // Digits and the words above.
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("max-age=0"))
}

/// A route's series for each member, and for what reaches none.
fn series(
    listener: &str,
    route: &str,
    pool: &Pool,
    registry: &Registry,
) -> (Vec<Arc<Series>>, Arc<Series>) {
    let unserved = Labels {
        listener: listener.to_owned(),
        route: route.to_owned(),
        stack: pool.stack.clone(),
        environment: pool.environment.clone(),
        service: pool.service.clone(),
        ..Labels::default()
    };
    let members = pool.members.iter().map(|member| {
        registry.series(Labels {
            release: member.endpoint.key.release.clone(),
            instance: member.endpoint.key.instance.clone(),
            ..unserved.clone()
        })
    });
    (members.collect(), registry.series(unserved))
}
