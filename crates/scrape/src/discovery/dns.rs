//! `dns_sd_configs`: addresses of names. A and AAAA are asked of the system's resolver, which also knows
//! `/etc/hosts`; the others of its servers (see `resolve`).

use std::net::IpAddr;

use mainstay_series::Labels;
use mainstay_targets::{DnsDiscovery, DnsRecord, Group};

use super::resolve::{query, servers};

/// Addresses of one name.
const LIMIT: usize = 10_000;

pub(super) async fn groups(dns: &DnsDiscovery, source: &str) -> Result<Vec<Group>, String> {
    let mut groups = Vec::new();
    for name in &dns.names {
        let failed = |error: String| format!("looking up `{name}`: {error}");
        let source = format!("{source}/{name}");
        let labels = Labels::from_pairs([("__meta_dns_name", name.as_str())]);
        groups.push(match dns.record {
            DnsRecord::A | DnsRecord::Aaaa => {
                let found = addresses(dns, name).await.map_err(failed)?;
                Group::of_addresses(source, labels, found)
            }
            DnsRecord::Srv | DnsRecord::Mx | DnsRecord::Ns => {
                let targets = records(dns, name).await.map_err(failed)?;
                Group {
                    source,
                    labels,
                    targets,
                }
            }
        });
    }
    Ok(groups)
}

async fn addresses(dns: &DnsDiscovery, name: &str) -> Result<Vec<String>, String> {
    let wanted: fn(&IpAddr) -> bool = match dns.record {
        DnsRecord::A => IpAddr::is_ipv4,
        _ => IpAddr::is_ipv6,
    };
    let found = tokio::net::lookup_host((name, dns.port))
        .await
        .map_err(|error| error.to_string())?;
    let found = found.filter(|address| wanted(&address.ip())).take(LIMIT);
    let mut addresses: Vec<String> = found.map(|address| address.to_string()).collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

/// Each record as a target, with the labels that Prometheus documents.
async fn records(dns: &DnsDiscovery, name: &str) -> Result<Vec<Labels>, String> {
    let records = query(&servers().await?, name, dns.record).await?;
    let target = |record: super::resolve::Record| {
        let port = record.port.unwrap_or(dns.port);
        let address = format!("{}:{port}", record.target.trim_end_matches('.'));
        let mut pairs = vec![("__address__", address)];
        match dns.record {
            DnsRecord::Srv => {
                pairs.push(("__meta_dns_srv_record_target", record.target));
                pairs.push(("__meta_dns_srv_record_port", port.to_string()));
            }
            DnsRecord::Mx => pairs.push(("__meta_dns_mx_record_target", record.target)),
            _ => pairs.push(("__meta_dns_ns_record_target", record.target)),
        }
        Labels::from_pairs(pairs)
    };
    let mut targets: Vec<Labels> = records.into_iter().map(target).collect();
    targets.sort();
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn names_become_addresses() {
        let dns = DnsDiscovery {
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
    }
}
