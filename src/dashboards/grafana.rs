//! Boards as values, and how Grafana reads them: the classic JSON model that Grafana 11 to 13 load.
//!
//! Panels are placed here: a line's widths must fill the 24 columns, so nothing overlaps and nothing is left empty.

pub mod panel;
pub mod target;
pub mod variable;

use serde_json::{Value, json};

use super::board::Board;
use panel::Panel;
use variable::Variable;

/// The tag by which boards find each other.
pub const TAG: &str = "wolkvox";
/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;
/// The version of the JSON model: that of Grafana 11.6 and later; later ones migrate it when they load it.
const SCHEMA: u32 = 41;

/// Every panel asks the source that the variable names.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// Panels beside each other.
#[derive(Debug)]
pub struct Line {
    /// In rows of the grid.
    pub height: u32,
    /// Widths in columns, and the panels.
    pub panels: Vec<(u32, Panel)>,
}

/// Lines under a heading; without one, when it is empty.
#[derive(Debug)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// From top to bottom.
    pub lines: Vec<Line>,
}

/// Something that happened, marked in every graph.
#[derive(Debug)]
pub struct Annotation {
    /// What the switch above the board says.
    pub name: &'static str,
    /// True while it happens.
    pub expr: String,
    /// Of the mark.
    pub color: &'static str,
    /// Its heading, with labels.
    pub title: &'static str,
    /// Its text, with labels.
    pub text: &'static str,
}

/// A whole board.
#[derive(Debug)]
pub struct Dashboard {
    /// Which one.
    pub board: Board,
    /// Shown when it is opened.
    pub from: &'static str,
    /// How often it asks again.
    pub refresh: &'static str,
    /// In the order in which they stand above it.
    pub variables: Vec<Variable>,
    /// What is marked in graphs.
    pub annotations: Vec<Annotation>,
    /// From top to bottom.
    pub sections: Vec<Section>,
    /// Where the runbook is.
    pub runbook_url: String,
}

impl Dashboard {
    /// As Grafana imports it.
    pub fn json(&self) -> Value {
        let annotations: Vec<_> = self.annotations.iter().map(annotation).collect();
        let variables: Vec<_> = self.variables.iter().map(Variable::json).collect();
        json!({
            "uid": self.board.uid(),
            "title": self.board.title(),
            "description": self.board.question(),
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": false,
            "preload": false,
            "graphTooltip": 1,
            "timezone": "browser",
            "weekStart": "",
            "fiscalYearStartMonth": 0,
            "refresh": self.refresh,
            "time": { "from": self.from, "to": "now" },
            "timepicker": {},
            "links": [
                link("dashboards", "Wolkvox boards", "", &[TAG]),
                link("link", "Runbook", &self.runbook_url, &[]),
            ],
            "annotations": { "list": annotations },
            "templating": { "list": variables },
            "panels": self.panels(),
        })
    }

    /// Placed from top to bottom and numbered in that order.
    fn panels(&self) -> Vec<Value> {
        let (mut panels, mut id, mut y) = (Vec::new(), 0, 0);
        let mut place = |mut panel: Value, x: u32, y: u32, w: u32, h: u32| {
            id += 1;
            panel["id"] = id.into();
            panel["gridPos"] = json!({ "x": x, "y": y, "w": w, "h": h });
            panels.push(panel);
        };
        for section in &self.sections {
            if !section.title.is_empty() {
                let heading =
                    json!({ "type": "row", "title": section.title, "collapsed": false, "panels": [] });
                place(heading, 0, y, COLUMNS, 1);
                y += 1;
            }
            for line in &section.lines {
                let mut x = 0;
                for (width, panel) in &line.panels {
                    place(panel.json(), x, y, *width, line.height);
                    x += width;
                }
                assert_eq!(x, COLUMNS, "{}: {:?} leaves a gap", self.board.title(), section.title);
                y += line.height;
            }
        }
        panels
    }
}

fn link(kind: &str, title: &str, url: &str, tags: &[&str]) -> Value {
    json!({
        "type": kind, "title": title, "url": url, "tags": tags, "icon": if tags.is_empty() { "doc" } else { "external link" },
        "asDropdown": !tags.is_empty(), "includeVars": !tags.is_empty(), "keepTime": !tags.is_empty(),
        "targetBlank": tags.is_empty(), "tooltip": "",
    })
}

fn annotation(annotation: &Annotation) -> Value {
    json!({
        "name": annotation.name, "datasource": datasource(), "enable": true, "hide": false,
        "iconColor": annotation.color, "expr": annotation.expr, "titleFormat": annotation.title,
        "textFormat": annotation.text,
    })
}
