//! What a dashboard is made of.

/// One file.
#[derive(Clone, Copy)]
pub(super) struct Dashboard {
    /// Of the file, and the end of its uid.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) panels: &'static [Panel],
}

/// One picture. In expressions `SCOPE` stands for the matchers of stack and environment.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) kind: Kind,
    /// One of Grafana's: `s`, `bytes`, `percentunit`, `reqps` …
    pub(super) unit: &'static str,
    /// From which value on it is yellow, and red. Values fall where the second is the smaller.
    pub(super) limits: Option<(f64, f64)>,
    /// There where a rule asks for metrics that begin so.
    pub(super) needs: &'static str,
    /// Expression and legend.
    pub(super) queries: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines over time.
    Lines,
    /// The last value, large.
    Figure,
}

/// Lines over time.
pub(super) const fn lines(
    title: &'static str,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel {
        title,
        kind: Kind::Lines,
        unit,
        limits: None,
        needs: "",
        queries,
    }
}

/// The last value, large.
pub(super) const fn figure(
    title: &'static str,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel {
        kind: Kind::Figure,
        ..lines(title, unit, queries)
    }
}

impl Panel {
    pub(super) const fn limits(self, warning: f64, critical: f64) -> Self {
        Self {
            limits: Some((warning, critical)),
            ..self
        }
    }

    pub(super) const fn needs(self, metric: &'static str) -> Self {
        Self {
            needs: metric,
            ..self
        }
    }

    /// Columns of 24, and rows.
    pub(super) fn size(&self) -> (u32, u32) {
        match self.kind {
            Kind::Lines => (12, 8),
            Kind::Figure => (6, 4),
        }
    }
}
