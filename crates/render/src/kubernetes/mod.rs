//! Manifests for Kubernetes, and for what is built on it.
//!
//! All targets here are made of the same objects: `manifests` writes them as they are, `kustomize` and `helm`
//! what is common and what differs, `argo_rollouts` with rollouts in place of Deployments.

mod access;
pub(crate) mod argo_rollouts;
mod backup;
mod config;
mod differences;
pub(crate) mod helm;
pub(crate) mod istio;
mod known;
pub(crate) mod kustomize;
mod lost;
pub(crate) mod manifests;
mod monitoring;
mod network;
mod pod;
mod probes;
mod readme;
mod scaling;
mod security;
mod site;
mod storage;
mod wait;
mod workload;
