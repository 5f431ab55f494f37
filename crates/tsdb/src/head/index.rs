//! The head's inverted index: label, value, and the slots of the series that have it.

use std::collections::BTreeMap;
use std::ops::Bound;

use hashbrown::HashMap;
use mainstay_series::Labels;
use roaring::RoaringBitmap;

use crate::error::StoreError;
use crate::postings::{self, Union};

/// The slots of one value. Most values of a label with many belong to one series.
#[derive(Debug, Clone)]
pub(crate) enum Slots {
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Slots {
    fn insert(&mut self, slot: u32) {
        match self {
            Self::One(one) if *one == slot => {}
            Self::One(one) => *self = Self::Many(Box::new([*one, slot].into_iter().collect())),
            Self::Many(many) => {
                many.insert(slot);
            }
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
        }
    }

    fn add_to(&self, all: &mut Union) {
        match self {
            Self::One(one) => all.add(*one),
            Self::Many(many) => all.add_all(many),
        }
    }

    fn to_bitmap(&self) -> RoaringBitmap {
        match self {
            Self::One(one) => std::iter::once(*one).collect(),
            Self::Many(many) => many.as_ref().clone(),
        }
    }

    pub(crate) fn meets(&self, slots: &RoaringBitmap) -> bool {
        match self {
            Self::One(one) => slots.contains(*one),
            Self::Many(many) => !many.is_disjoint(slots),
        }
    }

    /// Takes slots away; whether any is left.
    fn remove(&mut self, dead: &RoaringBitmap) -> bool {
        match self {
            Self::One(one) => !dead.contains(*one),
            Self::Many(many) => {
                **many -= dead;
                !many.is_empty()
            }
        }
    }
}

/// All values of one label.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub(crate) by_value: BTreeMap<Box<str>, Slots>,
    /// Every slot that has the label.
    all: RoaringBitmap,
}

/// Labels to slots.
#[derive(Debug, Default)]
pub(crate) struct MemIndex {
    pub(crate) names: HashMap<Box<str>, Values>,
    pub(crate) everything: RoaringBitmap,
}

impl MemIndex {
    pub(crate) fn insert(&mut self, slot: u32, labels: &Labels) {
        self.everything.insert(slot);
        for (name, value) in labels {
            let values = match self.names.get_mut(name) {
                Some(values) => values,
                None => self.names.entry(name.into()).or_default(),
            };
            values.all.insert(slot);
            match values.by_value.get_mut(value) {
                Some(slots) => slots.insert(slot),
                None => {
                    values.by_value.insert(value.into(), Slots::One(slot));
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, dead: &RoaringBitmap) {
        self.everything -= dead;
        for values in self.names.values_mut() {
            values.all -= dead;
            values.by_value.retain(|_, slots| slots.remove(dead));
        }
        self.names.retain(|_, values| !values.by_value.is_empty());
    }
}

impl postings::Index for MemIndex {
    fn everything(&self) -> Result<RoaringBitmap, StoreError> {
        Ok(self.everything.clone())
    }

    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StoreError> {
        let values = self.names.get(name);
        Ok(values.map(|values| values.all.clone()).unwrap_or_default())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, StoreError> {
        let slots = self.names.get(name).and_then(|v| v.by_value.get(value));
        Ok(slots.map(Slots::to_bitmap).unwrap_or_default())
    }

    fn union(
        &self,
        name: &str,
        prefix: &str,
        wanted: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RoaringBitmap, StoreError> {
        let mut all = Union::default();
        let Some(values) = self.names.get(name) else {
            return Ok(all.finish());
        };
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let range = values.by_value.range::<str, _>(from);
        for (value, slots) in range.take_while(|(value, _)| value.starts_with(prefix)) {
            if wanted(value) {
                slots.add_to(&mut all);
            }
        }
        Ok(all.finish())
    }
}
