//! Kubernetes, and what is built on it: manifests, Kustomize, Helm, Argo Rollouts, Istio.

mod alike;
mod backup;
mod custom;
mod judged;
mod lost;
mod manifests;
