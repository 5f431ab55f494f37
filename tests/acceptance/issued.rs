//! Certificates had from an authority, for the hosts of routes; the authority is `pebble`.

use crate::authority::{client, shown};
use crate::encrypted::for_hosts;
use crate::pebble::Pebble;
use crate::site::{Site, compose, free_address, request_as};
use std::net::SocketAddr;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(90 * 86_400);

/// A stack for `hosts`, whose server asks `pebble`.
struct Issued {
    site: Site,
    https: SocketAddr,
    pebble: Pebble,
}

impl Issued {
    fn new(test: &str, hosts: &str, challenge: &str, life: Duration) -> Option<Self> {
        let (site, https) = (Site::empty(), free_address());
        let pebble = Pebble::start(test, site.proxy, https, life)?;
        site.write("compose.yaml", &compose(1, ""));
        site.write("mainstay.yaml", &for_hosts(hosts));
        let (directory, ca) = (pebble.directory(), pebble.ca());
        site.write(
            ".mainstay/server.yaml",
            &format!(
                "proxy: {{https: '{https}'}}\ntls:\n  acme:\n    directory: {directory}\n    ca: {}\n    \
                 email: operations@example.org\n    terms_agreed: true\n    challenge: {challenge}\n",
                ca.display()
            ),
        );
        Some(Self {
            site,
            https,
            pebble,
        })
    }

    fn eventually(&self, what: &str, happens: impl FnMut() -> bool) {
        let what = format!("{what}\n{}", self.pebble.log());
        self.site.eventually(&what, happens);
    }

    /// The serial of the certificate that `host` is shown, where who trusts the authority does so.
    fn serial(&self, host: &str) -> Option<String> {
        let client = client(&self.pebble.root(), "http/1.1");
        shown(&client, self.https, host).map(|facts| facts.serial)
    }
}

#[test]
fn a_host_gets_its_certificate_by_http() {
    let test = "a_host_gets_its_certificate_by_http";
    let Some(mut place) = Issued::new(test, "app.test, '*.wild.test'", "http-01", LONG) else {
        return;
    };
    place.pebble.knows("app.test");
    place.site.up();
    // Until it is there, the host is served plainly.
    place.eventually("it is issued", || place.serial("app.test").is_some());
    place.eventually("plain requests are sent there", || {
        request_as("app.test", place.site.proxy, "/").status == 308
    });
    let events = place.site.events().join("\n");
    assert!(
        events.contains("certificate.issued app.test has a certificate of"),
        "{events}"
    );
    place
        .site
        .run(&["certificates"])
        .with_code(0)
        .says("app.test")
        .says("acme");
    place
        .site
        .run(&["doctor"])
        .with_code(1)
        .says("*.wild.test")
        .says("DNS-01");
    let first = place.serial("app.test").unwrap();

    // Nothing of it is asked for again by a control plane that starts anew.
    place.site.kill_server();
    place.site.start_server();
    assert_eq!(place.serial("app.test"), Some(first.clone()));
    place.site.ok(&["certificates", "renew", "app.test"]);
    place.eventually("a new one is served", || {
        place
            .serial("app.test")
            .is_some_and(|serial| serial != first)
    });

    // An account that the authority does not know: said, and what is served is served on.
    let root = place.pebble.root();
    place.pebble.forget();
    place.site.ok(&["certificates", "renew", "app.test"]);
    place.eventually("the failure is told", || {
        place
            .site
            .run(&["doctor"])
            .out()
            .contains("the account at the authority is not accepted")
    });
    place
        .site
        .run(&["doctor"])
        .with_code(1)
        .says("certificates/account.json");
    assert!(shown(&client(&root, "http/1.1"), place.https, "app.test").is_some());
    private(&place.site);
}

/// Keys are for their owner alone, and stand nowhere else.
fn private(site: &Site) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = site.path().join(".mainstay/certificates");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    let key = std::fs::read_to_string(folder.join("app.test.pem")).unwrap();
    let line = key.lines().nth(1).unwrap();
    let config = site.path().join(".mainstay/proxy/config.json");
    assert!(!std::fs::read_to_string(config).unwrap().contains(line));
    assert!(!site.story().contains(line));
}

#[test]
fn a_host_gets_its_certificate_by_tls_and_keeps_it_fresh() {
    let test = "a_host_gets_its_certificate_by_tls_and_keeps_it_fresh";
    let life = Duration::from_secs(20);
    let Some(place) = Issued::new(test, "app.test", "tls-alpn-01", life) else {
        return;
    };
    place.pebble.knows("app.test");
    place.site.up();
    place.eventually("it is issued", || place.serial("app.test").is_some());
    let first = place.serial("app.test").unwrap();
    // After two thirds of its life, by itself.
    place.eventually("it is renewed", || {
        place
            .serial("app.test")
            .is_some_and(|serial| serial != first)
    });
    let challenges = place
        .site
        .path()
        .join(".mainstay/certificates/app.test.proof.pem");
    place.eventually("its proof is gone", || !challenges.exists());
}

#[test]
fn a_host_that_leads_nowhere_holds_up_no_other() {
    let test = "a_host_that_leads_nowhere_holds_up_no_other";
    let Some(place) = Issued::new(test, "app.test, nowhere.test", "http-01", LONG) else {
        return;
    };
    place.pebble.knows("app.test");
    place.site.up();
    place.eventually("the one is issued", || place.serial("app.test").is_some());
    place.eventually("the failure of the other is told", || {
        place
            .site
            .run(&["doctor"])
            .out()
            .contains("could not see that nowhere.test is ours")
    });
    place.site.run(&["doctor"]).says("port 80");
    let events = place.site.events().join("\n");
    assert!(
        events.contains("certificate.failed nowhere.test got no certificate"),
        "{events}"
    );
    assert!(events.contains("tried again at"), "{events}");
    // It is served plainly meanwhile.
    assert_eq!(
        request_as("nowhere.test", place.site.proxy, "/health").status,
        200
    );
}
