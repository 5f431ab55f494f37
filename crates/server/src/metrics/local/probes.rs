//! What is looked at from outside: the probes of a stack, and the health of its routes through the
//! proxy.

use crate::front::Front;
use crate::report::origin;
use mainstay_exporters::probe::{Expect, Probe, Settings, Via};
use mainstay_model::Scope;
use mainstay_series::Labels;
use mainstay_stack::{OutsideProbe, Question, Route, Stack};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Of one probe of a route.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One probe under the labels by which it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) labels: Labels,
    /// What is asked, for people.
    pub(super) address: String,
    pub(super) interval: Option<Duration>,
    pub(super) probe: Probe,
    pub(super) settings: Settings,
}

/// Those of a stack.
pub(super) fn of_stack(stack: &Stack) -> impl Iterator<Item = Named> {
    let scope = stack.scope();
    stack.probes.iter().map(move |probe| named(&scope, probe))
}

fn named(scope: &Scope, wanted: &OutsideProbe) -> Named {
    let target = wanted.question.target();
    let probe = match &wanted.question {
        Question::Http {
            url,
            statuses,
            follow,
        } => Probe::Http {
            url: url.clone(),
            expect: Expect {
                statuses: statuses.clone(),
                follow: *follow,
            },
        },
        Question::Tcp { address } | Question::Tls { address } => Probe::Tcp {
            address: address.clone(),
            tls: matches!(wanted.question, Question::Tls { .. }),
        },
        Question::Dns {
            server,
            name,
            record,
        } => Probe::Dns {
            server: server.clone(),
            name: name.clone(),
            record: record.number(),
        },
    };
    Named {
        labels: labels(scope, target, [("probe", wanted.name.clone())]),
        address: address(&wanted.question),
        interval: wanted.interval_ms.map(Duration::from_millis),
        probe,
        settings: Settings {
            timeout: wanted.timeout,
            insecure_skip_verify: wanted.insecure,
            ..Settings::default()
        },
    }
}

fn address(question: &Question) -> String {
    match question {
        Question::Http { url, .. } => url.clone(),
        Question::Tcp { address } => format!("tcp://{address}"),
        Question::Tls { address } => format!("tls://{address}"),
        Question::Dns { server, name, .. } => format!("dns://{server}/{name}"),
    }
}

fn labels<const N: usize>(scope: &Scope, instance: &str, more: [(&str, String); N]) -> Labels {
    let common = [
        ("job", super::PROBES.to_owned()),
        ("instance", instance.to_owned()),
        ("stack", scope.stack.to_string()),
        ("environment", scope.environment.to_string()),
    ];
    Labels::from_pairs(common.into_iter().chain(more))
}

/// One for each route whose service has a health check over HTTP that the route leads to. `names` are
/// those that certificates are served for.
pub(super) fn of_routes(stack: &Stack, front: &Front, names: &[&str]) -> Vec<Named> {
    let routes = stack.routes.iter();
    routes
        .filter_map(|route| of_route(stack, route, front, names))
        .collect()
}

fn of_route(stack: &Stack, route: &Route, front: &Front, names: &[&str]) -> Option<Named> {
    let service = stack.services.get(&route.service)?;
    let check = service.health.as_ref()?;
    let mainstay_stack::Probe::Http { path } = &check.probe else {
        return None;
    };
    let path = outside(route, path).filter(|_| route.probe)?;
    let host = route.hosts.iter().find(|host| !host.starts_with('*'));
    // Nobody knows what stands for the star.
    if host.is_none() && !route.hosts.is_empty() {
        return None;
    }
    let via = Via {
        http: reachable(front.http),
        https: front.https.map(reachable),
    };
    let origin = match host {
        Some(_) => origin(host, front, names),
        None => format!("http://{}", via.http),
    };
    let url = format!("{origin}{path}");
    let name = format!("{}{}", host.map_or("", String::as_str), route.path);
    Some(Named {
        labels: labels(
            &stack.scope(),
            &url,
            [("probe", name), ("service", route.service.to_string())],
        ),
        address: url.clone(),
        interval: None,
        probe: Probe::Http {
            url,
            expect: Expect::default(),
        },
        settings: Settings {
            timeout: TIMEOUT,
            // Whether others trust the certificate is not known here; until when it holds is told.
            insecure_skip_verify: true,
            via: Some(via),
            ..Settings::default()
        },
    })
}

/// The path under which the service's own path is reached by the route; `None`: it is not.
fn outside(route: &Route, path: &str) -> Option<String> {
    let prefix = route.path.trim_end_matches('/');
    if route.strip_prefix {
        return Some(format!("{prefix}{path}"));
    }
    let rest = path.strip_prefix(prefix)?;
    let whole = rest.is_empty() || rest.starts_with(['/', '?']);
    whole.then(|| path.to_owned())
}

/// Whoever listens everywhere listens here too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use mainstay_model::{Bytes, ServiceName};
    use mainstay_stack::server_file::ServerFile;
    use mainstay_stack::{Balance, HealthCheck};

    fn route(hosts: &[&str], path: &str, strip_prefix: bool) -> Route {
        Route {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path: path.to_owned(),
            strip_prefix,
            service: ServiceName::new("app").unwrap(),
            balance: Balance::RoundRobin,
            timeout: Duration::from_secs(1),
            max_body: Bytes(1),
            probe: true,
        }
    }

    fn stack(check: Option<mainstay_stack::Probe>, routes: Vec<Route>) -> Stack {
        let mut app = testing::service("app", 1);
        app.health = check.map(|probe| HealthCheck {
            probe,
            interval: Duration::from_secs(1),
            start_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            start_period: Duration::ZERO,
            retries: 1,
            passes: 1,
        });
        let mut stack = testing::stack([app]);
        stack.routes = routes;
        stack
    }

    fn urls(stack: &Stack, names: &[&str]) -> Vec<String> {
        let file = ServerFile {
            https: Some("0.0.0.0:8443".parse().unwrap()),
            ..ServerFile::default()
        };
        let front = Front::new("0.0.0.0:8080".parse().unwrap(), &file);
        let probes = of_routes(stack, &front, names);
        probes.into_iter().map(|one| one.address).collect()
    }

    #[test]
    fn a_routes_health_is_asked_where_the_route_leads_to_it() {
        let check = || {
            Some(mainstay_stack::Probe::Http {
                path: "/health".to_owned(),
            })
        };
        for (route, url) in [
            (route(&[], "/", false), Some("http://127.0.0.1:8080/health")),
            (
                route(&["a.test"], "/", false),
                Some("http://a.test:8080/health"),
            ),
            (
                route(&["own.test"], "/", false),
                Some("https://own.test:8443/health"),
            ),
            (
                route(&["*.test", "b.test"], "/api", true),
                Some("http://b.test:8080/api/health"),
            ),
            (
                route(&[], "/health", false),
                Some("http://127.0.0.1:8080/health"),
            ),
            (route(&[], "/heal", false), None),
            (route(&["*.test"], "/", false), None),
            (
                Route {
                    probe: false,
                    ..route(&[], "/", false)
                },
                None,
            ),
        ] {
            let found = urls(&stack(check(), vec![route.clone()]), &["own.test"]);
            let wanted: Vec<String> = url.map(str::to_owned).into_iter().collect();
            assert_eq!(found, wanted, "{route:?}");
        }
        for other in [None, Some(mainstay_stack::Probe::Tcp)] {
            assert!(urls(&stack(other, vec![route(&[], "/", false)]), &[]).is_empty());
        }
    }

    #[test]
    fn a_probe_is_known_by_its_name_and_by_what_it_asks() {
        let mut stack = stack(None, Vec::new());
        stack.probes = vec![OutsideProbe {
            name: "mail".to_owned(),
            question: Question::Tls {
                address: "mail.test:465".to_owned(),
            },
            insecure: true,
            interval_ms: Some(2_000),
            timeout: Duration::from_secs(3),
        }];
        let probes: Vec<Named> = of_stack(&stack).collect();
        assert_eq!(
            probes[0].labels.to_string(),
            r#"{environment="dev", instance="mail.test:465", job="blackbox", probe="mail", stack="shop"}"#
        );
        assert_eq!(probes[0].address, "tls://mail.test:465");
        assert!(probes[0].settings.insecure_skip_verify);
        assert_eq!(probes[0].interval, Some(Duration::from_secs(2)));
    }
}
