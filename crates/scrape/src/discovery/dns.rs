//! `dns_sd_configs`: addresses of names, asked of the system's resolver.
//!
//! A and AAAA are what the resolver gives. SRV, MX and NS would need a resolver of our own, which
//! costs some thirty crates (see the decision record): they are refused by name.

use std::net::IpAddr;

use mainstay_series::Labels;
use mainstay_targets::{DnsDiscovery, DnsRecord, Group};

/// Addresses of one name.
const LIMIT: usize = 10_000;

pub(super) async fn groups(dns: &DnsDiscovery, source: &str) -> Result<Vec<Group>, String> {
    let wanted: fn(&IpAddr) -> bool = match dns.record {
        DnsRecord::A => IpAddr::is_ipv4,
        DnsRecord::Aaaa => IpAddr::is_ipv6,
        DnsRecord::Srv | DnsRecord::Mx | DnsRecord::Ns => {
            let kind = format!("{:?}", dns.record).to_uppercase();
            return Err(format!(
                "records of type {kind} are not supported yet; hint: use type `A` with a `port`"
            ));
        }
    };
    let mut groups = Vec::new();
    for name in &dns.names {
        let found = tokio::net::lookup_host((name.as_str(), dns.port)).await;
        let found = found.map_err(|error| format!("looking up `{name}`: {error}"))?;
        let mut addresses: Vec<String> = found
            .filter(|address| wanted(&address.ip()))
            .take(LIMIT)
            .map(|address| address.to_string())
            .collect();
        addresses.sort();
        addresses.dedup();
        let labels = Labels::from_pairs([("__meta_dns_name", name.as_str())]);
        groups.push(Group::of_addresses(
            format!("{source}/{name}"),
            labels,
            addresses,
        ));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn names_become_addresses_and_srv_is_refused() {
        let mut dns = DnsDiscovery {
            names: vec!["localhost".to_owned()],
            record: DnsRecord::A,
            port: 9100,
            refresh: Duration::from_secs(30),
        };
        let found = groups(&dns, "0/dns").await.unwrap();
        assert_eq!(
            found[0].targets[0].get("__address__"),
            Some("127.0.0.1:9100")
        );
        assert_eq!(found[0].labels.get("__meta_dns_name"), Some("localhost"));
        dns.record = DnsRecord::Srv;
        assert!(
            groups(&dns, "0/dns")
                .await
                .unwrap_err()
                .contains("type SRV")
        );
    }
}
