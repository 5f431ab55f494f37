//! Manifests for Kubernetes, and for what is built on it.

pub(crate) mod argo_rollouts;
pub(crate) mod helm;
pub(crate) mod istio;
pub(crate) mod kustomize;
pub(crate) mod manifests;
