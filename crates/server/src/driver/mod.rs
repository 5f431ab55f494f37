//! The rollout driver: persists what the engine decides before anything is done.
