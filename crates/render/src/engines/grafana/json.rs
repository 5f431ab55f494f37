//! A dashboard as Grafana reads it.

use super::Known;
use super::panel::{Dashboard, Kind, Panel};
use crate::project::Project;
use serde_json::{Value, json};

/// Of Grafana 10 and later, which bring older ones up to date themselves.
const SCHEMA: u32 = 39;
/// The width of a dashboard in columns.
const COLUMNS: u32 = 24;

pub(super) fn text(project: &Project, dashboard: &Dashboard, known: &Known) -> String {
    let panels = dashboard.panels.iter();
    let there: Vec<&Panel> = panels.filter(|panel| known.has(panel.needs)).collect();
    let stack = project.name.as_str();
    let value = json!({
        "uid": uid(stack, dashboard.name),
        "title": format!("{stack}: {}", dashboard.title),
        "description": format!(
            "{} Written by `mainstay render grafana`: changes belong in compose.yaml and mainstay.yaml.",
            dashboard.about
        ),
        "tags": ["mainstay", stack],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": false,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": variables(project)},
        "annotations": {"list": []},
        "links": [],
        "panels": placed(&there)
            .into_iter()
            .enumerate()
            .map(|(at, (panel, place))| one(project, panel, at + 1, place))
            .collect::<Vec<Value>>(),
    });
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text + "\n"
}

/// At most 40 characters; the end tells dashboards apart.
fn uid(stack: &str, name: &str) -> String {
    let room = 40 - name.len() - 1;
    let stack: String = stack.chars().take(room).collect();
    format!("{stack}-{name}")
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn variables(project: &Project) -> Value {
    let stack = project.name.as_str();
    let main = project.main.as_str();
    let query = format!("label_values(up{{stack=\"{stack}\"}}, environment)");
    json!([
        {
            "name": "datasource",
            "label": "data source",
            "type": "datasource",
            "query": "prometheus",
            "refresh": 1,
        },
        {
            "name": "environment",
            "type": "query",
            "datasource": source(),
            "query": {"query": query, "refId": "environment"},
            "refresh": 2,
            "sort": 1,
            "multi": false,
            "includeAll": false,
            "current": {"selected": true, "text": main, "value": main},
        },
    ])
}

/// Side by side while there is room, each row as high as its highest.
fn placed<'a>(panels: &[&'a Panel]) -> Vec<(&'a Panel, [u32; 4])> {
    let (mut x, mut y, mut high) = (0, 0, 0);
    let mut placed = Vec::new();
    for panel in panels {
        let (width, height) = panel.size();
        // Different sizes have rows of their own.
        if x + width > COLUMNS || (high != 0 && high != height) {
            (x, y) = (0, y + high);
        }
        high = height;
        placed.push((*panel, [x, y, width, height]));
        x += width;
    }
    placed
}

fn one(project: &Project, panel: &Panel, id: usize, [x, y, w, h]: [u32; 4]) -> Value {
    let queries = panel.queries.iter().zip('A'..='Z');
    let targets: Vec<Value> = queries
        .map(|((expr, legend), letter)| target(project, panel, expr, legend, letter))
        .collect();
    json!({
        "id": id,
        "type": match panel.kind { Kind::Lines => "timeseries", Kind::Figure => "stat" },
        "title": panel.title,
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        "datasource": source(),
        "targets": targets,
        "fieldConfig": {"defaults": defaults(panel), "overrides": []},
        "options": options(panel.kind),
    })
}

fn target(project: &Project, panel: &Panel, expr: &str, legend: &str, letter: char) -> Value {
    let stack = project.name.as_str();
    let scope = format!("stack=\"{stack}\", environment=\"$environment\"");
    json!({
        "refId": letter.to_string(),
        "datasource": source(),
        "editorMode": "code",
        "expr": expr.replace("SCOPE", &scope),
        "legendFormat": legend,
        "range": panel.kind == Kind::Lines,
        "instant": panel.kind == Kind::Figure,
    })
}

fn defaults(panel: &Panel) -> Value {
    let (mode, steps) = match panel.limits {
        None => (
            "palette-classic",
            json!([{"color": "green", "value": null}]),
        ),
        Some((warning, critical)) if warning <= critical => (
            "thresholds",
            json!([
                {"color": "green", "value": null},
                {"color": "yellow", "value": warning},
                {"color": "red", "value": critical},
            ]),
        ),
        Some((warning, critical)) => (
            "thresholds",
            json!([
                {"color": "red", "value": null},
                {"color": "yellow", "value": critical},
                {"color": "green", "value": warning},
            ]),
        ),
    };
    // Lines keep their own colours; limits are drawn across.
    let lined = panel.kind == Kind::Lines && panel.limits.is_some();
    let mut defaults = json!({
        "unit": panel.unit,
        "color": {"mode": if lined { "palette-classic" } else { mode }},
        "thresholds": {"mode": "absolute", "steps": steps},
    });
    if panel.kind == Kind::Lines {
        defaults["custom"] = json!({
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 10,
            "showPoints": "never",
            "spanNulls": false,
            "thresholdsStyle": {"mode": if lined { "line" } else { "off" }},
        });
    }
    defaults
}

fn options(kind: Kind) -> Value {
    match kind {
        Kind::Lines => json!({
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Kind::Figure => json!({
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::grafana::panel::{figure, lines};

    #[test]
    fn panels_stand_side_by_side_and_never_over_each_other() {
        let small = figure("a", "", &[]);
        let large = lines("b", "", &[]);
        let panels = [
            &small, &small, &small, &small, &small, &large, &large, &large,
        ];
        let places: Vec<[u32; 2]> = placed(&panels)
            .into_iter()
            .map(|(_, [x, y, ..])| [x, y])
            .collect();
        let expected = [
            [0, 0],
            [6, 0],
            [12, 0],
            [18, 0],
            [0, 4],
            [0, 8],
            [12, 8],
            [0, 16],
        ];
        assert_eq!(places, expected);
        assert_eq!(uid(&"a".repeat(60), "service-api").len(), 40);
    }
}
