//! What one listener does with a request: routes by host, then by path.

use crate::config::{Limits, Redirect, Subnet};
use crate::metrics::Series;
use crate::pool::Pool;
use hyper::header::HeaderValue;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// A listener's part of one configuration.
#[derive(Debug)]
pub(crate) struct Table {
    /// The listener's name, for log lines and metrics.
    pub(crate) name: String,
    pub(crate) limits: Limits,
    pub(crate) from: Option<Subnet>,
    pub(crate) serve: Serve,
    /// `None`: connections are not encrypted.
    pub(crate) secure: Option<Secure>,
    pub(crate) redirect: Option<Redirect>,
    /// Key authorisations by token, where this listener is asked for them.
    pub(crate) challenges: Option<Arc<BTreeMap<String, String>>>,
    /// Requests that no route took.
    pub(crate) unrouted: Arc<Series>,
}

/// What encrypted listeners add.
#[derive(Debug)]
pub(crate) struct Secure {
    /// `Strict-Transport-Security`.
    pub(crate) hsts: Option<HeaderValue>,
}

#[derive(Debug)]
pub(crate) enum Serve {
    Http(Routes),
    Tcp(Arc<TcpRoute>),
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: String,
    /// The listener's name.
    pub(crate) listener: String,
    /// Without a slash at its end; empty for `/`.
    pub(crate) prefix: String,
    pub(crate) strip_prefix: bool,
    pub(crate) timeout: Duration,
    pub(crate) max_body: u64,
    pub(crate) pool: Arc<Pool>,
    /// By the pool's members.
    pub(crate) series: Vec<Arc<Series>>,
    /// Requests that reached no member.
    pub(crate) unserved: Arc<Series>,
}

/// Where a TCP listener's connections go.
#[derive(Debug)]
pub(crate) struct TcpRoute {
    /// The listener's name.
    pub(crate) listener: String,
    pub(crate) pool: Arc<Pool>,
    /// By the pool's members.
    pub(crate) series: Vec<Arc<Series>>,
    /// Connections that reached no member.
    pub(crate) unserved: Arc<Series>,
}

/// Routes in the order in which they are tried.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    exact: HashMap<String, Vec<Arc<Route>>>,
    /// By `.example.org`, the longest first.
    wildcard: Vec<(String, Vec<Arc<Route>>)>,
    any: Vec<Arc<Route>>,
}

impl Routes {
    /// Adds a route under each of `hosts`; no host: under all of them.
    pub(crate) fn add(&mut self, hosts: &[String], route: &Arc<Route>) {
        if hosts.is_empty() {
            self.any.push(Arc::clone(route));
        }
        for host in hosts {
            let host = host.to_ascii_lowercase();
            let Some(suffix) = host.strip_prefix('*') else {
                self.exact.entry(host).or_default().push(Arc::clone(route));
                continue;
            };
            match self.wildcard.iter_mut().find(|(known, _)| known == suffix) {
                Some((_, routes)) => routes.push(Arc::clone(route)),
                None => self
                    .wildcard
                    .push((suffix.to_owned(), vec![Arc::clone(route)])),
            }
        }
    }

    /// Puts the routes into their order, once all were added.
    pub(crate) fn sort(&mut self) {
        let by_path = |routes: &mut Vec<Arc<Route>>| {
            routes.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        };
        self.exact.values_mut().for_each(by_path);
        self.wildcard
            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        for (_, routes) in &mut self.wildcard {
            by_path(routes);
        }
        by_path(&mut self.any);
    }

    /// The route of the longest matching host, then of the longest matching path. `host` is in
    /// lower case and without its port.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        let exact = self.exact.get(host).into_iter();
        let wildcard = self.wildcard.iter().filter_map(|(suffix, routes)| {
            let matches = host.len() > suffix.len() && host.ends_with(suffix.as_str());
            matches.then_some(routes)
        });
        exact
            .chain(wildcard)
            .chain(std::iter::once(&self.any))
            .find_map(|routes| routes.iter().find(|route| route.matches(path)))
    }
}

impl Route {
    fn matches(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
