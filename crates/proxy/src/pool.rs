//! The endpoints of one service, and which of them takes the next request.

use crate::config::Balance;
use crate::endpoint::{Endpoint, InFlight};
use crate::hash;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// A service's endpoints under one configuration.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) stack: String,
    pub(crate) environment: String,
    pub(crate) service: String,
    pub(crate) balance: Balance,
    pub(crate) members: Vec<Member>,
    /// Guards the members' `Endpoint::balance`.
    pub(crate) turn: Mutex<()>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) endpoint: Arc<Endpoint>,
    /// 0: no new requests.
    pub(crate) weight: u32,
    /// Of the instance's name; places it for [`Balance::ClientIp`].
    pub(crate) hash: u64,
}

/// What [`Pool::pick`] found.
#[derive(Debug)]
pub(crate) enum Pick {
    /// Counted in already; the index is the member's.
    Endpoint(InFlight, usize),
    /// The configuration was replaced meanwhile: look at the new one.
    Replaced,
    /// No endpoint with a weight, or all of them were tried.
    None,
}

/// Members a request was refused by, so that the next attempt goes elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Tried(Vec<Arc<Endpoint>>);

impl Tried {
    pub(crate) fn push(&mut self, endpoint: &Arc<Endpoint>) {
        self.0.push(Arc::clone(endpoint));
    }

    fn contains(&self, endpoint: &Arc<Endpoint>) -> bool {
        self.0.iter().any(|tried| Arc::ptr_eq(tried, endpoint))
    }
}

impl Pool {
    /// Chooses an endpoint and counts the request in. Those ejected or just found down are
    /// passed over while another one is left, and only then.
    pub(crate) fn pick(&self, client: IpAddr, tried: &Tried) -> Pick {
        let well = |member: &Member| !member.endpoint.is_passed_over();
        let chosen = self
            .choose(client, |member| {
                well(member) && !tried.contains(&member.endpoint)
            })
            .or_else(|| self.choose(client, |member| !tried.contains(&member.endpoint)));
        let Some(index) = chosen else {
            return Pick::None;
        };
        match self.members[index].endpoint.enter() {
            Some(in_flight) => Pick::Endpoint(in_flight, index),
            None => Pick::Replaced,
        }
    }

    fn choose(&self, client: IpAddr, eligible: impl Fn(&Member) -> bool) -> Option<usize> {
        let candidates = || {
            let all = self.members.iter().enumerate();
            all.filter(|(_, member)| member.weight > 0 && eligible(member))
        };
        match self.balance {
            Balance::RoundRobin => self.round_robin(candidates),
            Balance::LeastConnections => {
                // Shares of the weight compared without division: a/wa < b/wb.
                let load = |member: &Member| u128::from(member.endpoint.gate.count()) + 1;
                let least = candidates().min_by(|(_, a), (_, b)| {
                    let left = load(a) * u128::from(b.weight);
                    left.cmp(&(load(b) * u128::from(a.weight)))
                });
                least.map(|(index, _)| index)
            }
            Balance::ClientIp => candidates()
                .map(|(index, member)| (index, hash::score(client, member.hash, member.weight)))
                .max_by(|(_, a), (_, b)| a.total_cmp(b))
                .map(|(index, _)| index),
        }
    }

    /// Smooth weighted round robin, as nginx and LVS describe it: everyone gains its weight, the
    /// richest is chosen and pays the sum. 5:1:1 gives a a b a c a a.
    fn round_robin<'a, I>(&'a self, candidates: impl Fn() -> I) -> Option<usize>
    where
        I: Iterator<Item = (usize, &'a Member)>,
    {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, member) in candidates() {
            let weight = i64::from(member.weight);
            total += weight;
            let balance = member.endpoint.balance.load(Ordering::Relaxed) + weight;
            member.endpoint.balance.store(balance, Ordering::Relaxed);
            if best.is_none_or(|(_, richest)| balance > richest) {
                best = Some((index, balance));
            }
        }
        let (index, balance) = best?;
        let chosen = &self.members[index].endpoint;
        chosen.balance.store(balance - total, Ordering::Relaxed);
        Some(index)
    }
}
