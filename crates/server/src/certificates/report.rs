//! What is shown of the certificates, and what is wrong with them.

use crate::api::types::{Certificate, CertificateSource, Diagnosis};
use crate::control::{Control, now};
use crate::front::EXPIRES_SOON;
use mainstay_model::Scope;
use mainstay_proxy::config::CertificateStatus;
use mainstay_x509::covers;
use std::collections::{BTreeMap, BTreeSet};

impl Control {
    /// All that are served or wanted, those from files first.
    pub(crate) fn list_certificates(&self) -> Vec<Certificate> {
        let statuses = self.proxy().certificates();
        let status = |name: &str| statuses.iter().find(|status| status.name == name);
        let files = self.proxy().front().files();
        let mut all: Vec<Certificate> = files
            .iter()
            .map(|file| {
                let mut shown = shown(CertificateSource::File, status(&file.name));
                shown.path = Some(file.certificate.clone());
                shown
            })
            .collect();
        let Some(certificates) = &self.certificates else {
            return all;
        };
        let (wanted, troubles) = {
            let schedule = certificates.schedule();
            (schedule.wanted().clone(), schedule.troubles())
        };
        for host in wanted {
            let mut shown = shown(CertificateSource::Acme, status(&host));
            if let Some(trouble) = troubles.get(&host) {
                shown.problem = Some(trouble.reason.clone());
            }
            shown.next_renewal = self.renewal_of(&host);
            shown.path = Some(certificates.store.path(&host));
            shown.names = vec![host];
            all.push(shown);
        }
        let refused: BTreeMap<String, &str> = certificates.refused().clone();
        all.extend(refused.into_iter().map(|(host, reason)| Certificate {
            names: vec![host],
            problem: Some(reason.to_owned()),
            ..shown(CertificateSource::Acme, None)
        }));
        all
    }

    /// What is wrong with the certificates that `scope` needs, and with those from files.
    pub(crate) fn diagnose_certificates(&self, scope: &Scope) -> Vec<Diagnosis> {
        let shares = self.shares();
        let own = shares.iter().filter(|share| share.scope == *scope);
        let hosts: BTreeSet<&String> = own
            .flat_map(|share| &share.stack.routes)
            .flat_map(|route| &route.hosts)
            .collect();
        let concerns = |one: &Certificate| {
            let mut names = one.names.iter();
            one.source == CertificateSource::File
                || names.any(|name| hosts.iter().any(|host| covers(name, host) || name == *host))
        };
        let all = self.list_certificates();
        all.iter()
            .filter(|one| concerns(one))
            .filter_map(diagnosis)
            .collect()
    }
}

fn shown(source: CertificateSource, status: Option<&CertificateStatus>) -> Certificate {
    let read = status.filter(|status| status.not_after.is_some());
    Certificate {
        source,
        names: read.map(|status| status.names.clone()).unwrap_or_default(),
        issuer: read.map(|status| status.issuer.clone()),
        not_after: read.and_then(|status| status.not_after),
        next_renewal: None,
        path: None,
        problem: status.and_then(|status| status.problem.clone()),
    }
}

/// What is wrong with one certificate.
fn diagnosis(one: &Certificate) -> Option<Diagnosis> {
    let subject = match (one.names.first(), &one.path) {
        (Some(name), _) => name.clone(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => String::new(),
    };
    let left = one.not_after.map(|end| end.since(now()));
    let renews_itself = one.source == CertificateSource::Acme && one.problem.is_none();
    let (code, message) = match (&one.problem, left) {
        (_, Some(left)) if left.is_zero() => (
            "certificate-expired",
            format!("the certificate for {subject} has expired"),
        ),
        (Some(problem), Some(left)) => {
            let days = left.as_secs() / 86_400;
            let problem = problem.lines().next().unwrap_or_default();
            let words = format!(
                "the certificate for {subject} is not replaced ({days} days left): {problem}"
            );
            ("certificate-problem", words)
        }
        (Some(problem), None) => {
            let problem = problem.lines().next().unwrap_or_default();
            (
                "certificate-missing",
                format!("{subject} has no certificate: {problem}"),
            )
        }
        (None, Some(left)) if left < EXPIRES_SOON && !renews_itself => {
            let days = left.as_secs() / 86_400;
            (
                "certificate-expires",
                format!("the certificate for {subject} ends in {days} days"),
            )
        }
        _ => return None,
    };
    Some(Diagnosis {
        code: code.to_owned(),
        subject: Some(subject),
        message,
        evidence: Vec::new(),
        hint: hint(one),
    })
}

fn hint(one: &Certificate) -> String {
    let said = one
        .problem
        .as_deref()
        .and_then(|problem| problem.split_once("hint: "));
    match (said, one.source) {
        (Some((_, hint)), _) => hint.trim().to_owned(),
        (None, CertificateSource::File) => {
            "replace both files; they are taken up within seconds".to_owned()
        }
        (None, CertificateSource::Acme) if one.names.iter().any(|name| name.starts_with('*')) => {
            "name the hosts one by one in `routes`, or give a certificate under `tls.certificates`"
                .to_owned()
        }
        (None, CertificateSource::Acme) => {
            "it is tried again by itself; `mainstay certificates renew HOST` tries at once"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn certificate(
        source: CertificateSource,
        days: Option<u64>,
        problem: Option<&str>,
    ) -> Certificate {
        Certificate {
            source,
            names: vec!["a.test".to_owned()],
            issuer: None,
            not_after: days.map(|days| now() + Duration::from_secs(days * 86_400 + 60)),
            next_renewal: None,
            path: None,
            problem: problem.map(str::to_owned),
        }
    }

    #[test]
    fn each_trouble_has_its_code_and_a_hint() {
        use CertificateSource::{Acme, File};
        let expired = Certificate {
            not_after: Some(mainstay_model::Timestamp::from_millis(1)),
            ..certificate(File, None, None)
        };
        for (one, code) in [
            (certificate(File, Some(90), None), None),
            (
                certificate(File, Some(3), None),
                Some("certificate-expires"),
            ),
            (certificate(Acme, Some(3), None), None),
            (
                certificate(Acme, Some(3), Some("no")),
                Some("certificate-problem"),
            ),
            (
                certificate(Acme, None, Some("no")),
                Some("certificate-missing"),
            ),
            (
                certificate(File, None, Some("no")),
                Some("certificate-missing"),
            ),
            (expired, Some("certificate-expired")),
            (certificate(Acme, None, None), None),
        ] {
            let found = diagnosis(&one);
            assert_eq!(
                found.as_ref().map(|found| found.code.as_str()),
                code,
                "{one:?}"
            );
            assert!(found.is_none_or(|found| !found.hint.is_empty()));
        }
    }

    #[test]
    fn the_hint_of_a_problem_is_shown_as_one() {
        let problem = "the key is another's\nhint: give the right one";
        let found = diagnosis(&certificate(CertificateSource::File, None, Some(problem))).unwrap();
        assert_eq!(found.hint, "give the right one");
        assert!(!found.message.contains("hint"), "{}", found.message);
    }
}
