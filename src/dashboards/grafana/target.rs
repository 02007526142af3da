//! One query of a panel, and how what it returns is drawn.

use serde_json::{Value, json};

use super::datasource;
use super::panel::{Color, Mapping, Unit, color, mappings, thresholds};

/// What a query returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Values over time.
    Range,
    /// The values of now.
    Instant,
    /// The values of now as rows, merged with those of the panel's other queries.
    Column,
}

/// One query.
#[derive(Debug, Clone)]
pub struct Target {
    expr: String,
    legend: String,
    form: Form,
    step: &'static str,
    properties: Vec<(&'static str, Value)>,
}

/// The shortest step: reports are read every five minutes by default.
const STEP: &str = "5m";
/// The shortest step of rates. Their window is four of these, which holds two readings even where a short quota has
/// stretched the intervals to half an hour.
const RATE_STEP: &str = "15m";

/// Values over time, called `legend`.
pub fn range(expr: impl Into<String>, legend: &str) -> Target {
    let expr = expr.into();
    Target {
        step: if expr.contains("$__rate_interval") { RATE_STEP } else { STEP },
        expr,
        legend: legend.to_owned(),
        form: Form::Range,
        properties: Vec::new(),
    }
}

/// The values of now, called `legend`.
pub fn instant(expr: impl Into<String>, legend: &str) -> Target {
    Target { form: Form::Instant, ..range(expr, legend) }
}

/// A column of a table, with its heading.
pub fn column(heading: &str, expr: impl Into<String>) -> Target {
    Target { form: Form::Column, ..range(expr, heading) }
}

impl Target {
    /// What it is called: a legend, or the heading of a column.
    pub fn name(&self) -> &str {
        &self.legend
    }

    /// What it returns.
    pub fn form(&self) -> Form {
        self.form
    }

    fn with(mut self, id: &'static str, value: impl Into<Value>) -> Target {
        self.properties.push((id, value.into()));
        self
    }

    /// Points this far apart, such as `30m`.
    pub fn every(mut self, step: &'static str) -> Target {
        self.step = step;
        self
    }

    /// In this colour.
    pub fn color(self, chosen: Color) -> Target {
        self.with("color", json!({ "mode": "fixed", "fixedColor": color(chosen) }))
    }

    /// As a thin dashed line without filling, never stacked: a target, or another week.
    pub fn dashed(self) -> Target {
        self.with("custom.lineStyle", json!({ "fill": "dash", "dash": [6, 6] }))
            .with("custom.lineWidth", 1)
            .with("custom.fillOpacity", 0)
            .with("custom.drawStyle", "line")
            .with("custom.stacking", json!({ "mode": "none", "group": "A" }))
    }

    /// As a line above the stack.
    pub fn line(self) -> Target {
        self.with("custom.drawStyle", "line")
            .with("custom.fillOpacity", 0)
            .with("custom.lineWidth", 2)
            .with("custom.stacking", json!({ "mode": "none", "group": "A" }))
    }

    /// In another unit than the panel.
    pub fn unit(self, unit: Unit) -> Target {
        self.with("unit", unit.id())
    }

    /// On an axis of its own, at the right.
    pub fn right(self, label: &str) -> Target {
        self.with("custom.axisPlacement", "right").with("custom.axisLabel", label)
    }

    /// With so many decimals.
    pub fn decimals(self, decimals: u32) -> Target {
        self.with("decimals", decimals)
    }

    /// Text coloured by value: each colour from its bound on.
    pub fn colored(self, steps: &[(f64, Color)], below: Color) -> Target {
        self.with("thresholds", thresholds(below, steps))
            .with("color", json!({ "mode": "thresholds" }))
            .with("custom.cellOptions", json!({ "type": "color-text" }))
    }

    /// Words in place of values.
    pub fn said(self, words: &[Mapping]) -> Target {
        self.with("mappings", mappings(words)).with("custom.cellOptions", json!({ "type": "color-text" }))
    }

    /// So wide, in pixels.
    pub fn wide(self, width: u32) -> Target {
        self.with("custom.width", width)
    }

    /// From none to all: a bar in the cell, or a gauge.
    pub fn share(self) -> Target {
        self.unit(Unit::Ratio).decimals(1).with("min", 0).with("max", 1)
    }

    pub(super) fn json(&self, at: usize) -> Value {
        let table = self.form == Form::Column;
        json!({
            "refId": reference(at), "datasource": datasource(), "editorMode": "code", "expr": self.expr,
            "legendFormat": if table { "__auto" } else { self.legend.as_str() },
            "interval": self.step, "range": self.form == Form::Range, "instant": self.form != Form::Range,
            "format": if table { "table" } else { "time_series" },
        })
    }

    /// How it differs from the rest of the panel.
    pub(super) fn differs(&self, at: usize) -> Option<Value> {
        let properties: Vec<_> =
            self.properties.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        let matcher = match self.form {
            Form::Column => json!({ "id": "byName", "options": self.legend }),
            _ => json!({ "id": "byFrameRefID", "options": reference(at) }),
        };
        (!properties.is_empty()).then(|| json!({ "matcher": matcher, "properties": properties }))
    }
}

/// `A`, `B`, and so on.
pub(super) fn reference(at: usize) -> String {
    // Invariant: no panel has more queries than the alphabet has letters; the lint of the boards counts them.
    char::from(b'A' + u8::try_from(at % 26).unwrap_or_default()).to_string()
}
