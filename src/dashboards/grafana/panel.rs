//! One panel: what it shows, what it says of itself, and how it looks.

use serde_json::{Value, json};

use super::datasource;
use super::target::{Form, Target, reference};

/// What a value is, by Grafana's name of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share from 0 to 1, shown in percent.
    Ratio,
    /// Seconds, shown as people say them.
    Seconds,
    /// Whole things, with separators between thousands.
    Count,
    /// Any number, shortened.
    Number,
    /// Bytes.
    Bytes,
    /// A text that looks like a number, such as a line.
    Text,
    /// Milliseconds since 1970, shown as how long ago.
    Ago,
    /// Milliseconds since 1970, shown as a date.
    Date,
}

impl Unit {
    /// Grafana's identifier.
    pub const fn id(self) -> &'static str {
        match self {
            Unit::Ratio => "percentunit",
            Unit::Seconds => "s",
            Unit::Count => "locale",
            Unit::Number => "short",
            Unit::Bytes => "bytes",
            Unit::Text => "string",
            Unit::Ago => "dateTimeFromNow",
            Unit::Date => "dateTimeAsIso",
        }
    }
}

/// A colour by what it means. Good, watch and bad also differ in brightness, for those who cannot tell hues apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its meaning")]
pub enum Color {
    Good,
    Watch,
    Bad,
    Plain,
    Pale,
    Deep,
    Other,
    FilledGood,
    FilledWatch,
}

pub(super) const fn color(chosen: Color) -> &'static str {
    match chosen {
        Color::Good => "blue",
        Color::Watch => "orange",
        Color::Bad => "dark-red",
        Color::Plain => "text",
        Color::Pale => "super-light-blue",
        Color::Deep => "dark-blue",
        Color::Other => "purple",
        // White on these can be read from afar.
        Color::FilledGood => "dark-blue",
        Color::FilledWatch => "#B85C00",
    }
}

/// Words for a value, or for those of a stretch; either end may be open.
#[derive(Debug, Clone, Copy)]
pub struct Mapping(pub Option<f64>, pub Option<f64>, pub &'static str, pub Color);

pub(super) fn mappings(words: &[Mapping]) -> Value {
    let all = words.iter().enumerate().map(|(index, Mapping(from, to, text, chosen))| {
        let result = json!({ "text": text, "color": color(*chosen), "index": index });
        match (from, to) {
            (Some(one), Some(same)) if (one - same).abs() < f64::EPSILON => {
                json!({ "type": "value", "options": { one.to_string(): result } })
            }
            _ => json!({ "type": "range", "options": { "from": from, "to": to, "result": result } }),
        }
    });
    all.collect::<Vec<_>>().into()
}

pub(super) fn thresholds(below: Color, steps: &[(f64, Color)]) -> Value {
    let mut all = vec![json!({ "color": color(below), "value": null })];
    all.extend(steps.iter().map(|(from, chosen)| json!({ "color": color(*chosen), "value": from })));
    json!({ "mode": "absolute", "steps": all })
}

/// What a panel says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// What it is and how to read it.
    pub what: String,
    /// How it is computed, in words or signs.
    pub formula: String,
    /// Which report and fields it comes from, or what else.
    pub source: String,
}

/// The same from three texts.
pub fn about(what: &str, formula: &str, source: &str) -> About {
    About { what: what.to_owned(), formula: formula.to_owned(), source: source.to_owned() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stat,
    TimeSeries,
    Table,
    BarGauge,
    Text,
}

/// One panel.
#[derive(Debug, Clone)]
pub struct Panel {
    kind: Kind,
    title: String,
    about: About,
    targets: Vec<Target>,
    defaults: Value,
    options: Value,
    keys: Vec<(&'static str, &'static str)>,
    links: Vec<Value>,
    sorted: Option<(&'static str, bool)>,
}

fn panel(kind: Kind, title: &str, about: About, options: Value) -> Panel {
    Panel {
        kind,
        title: title.to_owned(),
        about,
        targets: Vec::new(),
        defaults: json!({
            "unit": Unit::Count.id(), "mappings": [], "color": { "mode": "thresholds" },
            "thresholds": thresholds(Color::Plain, &[]),
        }),
        options,
        keys: Vec::new(),
        links: Vec::new(),
        sorted: None,
    }
}

const fn reduce() -> &'static str {
    "lastNotNull"
}

/// Big numbers: the newest of each series, with their names when there are several.
pub fn stat(title: &str, about: About) -> Panel {
    let options = json!({
        "reduceOptions": { "calcs": [reduce()], "fields": "", "values": false }, "orientation": "auto",
        "textMode": "auto", "colorMode": "value", "graphMode": "none", "justifyMode": "center", "wideLayout": true,
        "showPercentChange": false, "percentChangeColorMode": "standard",
    });
    panel(Kind::Stat, title, about, options)
}

/// Values over time.
pub fn graph(title: &str, about: About) -> Panel {
    let options = json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "desc" },
    });
    let mut graph = panel(Kind::TimeSeries, title, about, options);
    graph.defaults["color"] = json!({ "mode": "palette-classic" });
    graph.defaults["custom"] = json!({
        "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 2, "fillOpacity": 0, "gradientMode": "none",
        "showPoints": "never", "spanNulls": false, "axisPlacement": "auto", "axisLabel": "",
        "axisBorderShow": false, "axisColorMode": "text", "scaleDistribution": { "type": "linear" },
        "stacking": { "mode": "none", "group": "A" }, "thresholdsStyle": { "mode": "off" },
    });
    graph
}

/// How wide the column of a label is, in pixels, where its texts are of one kind.
fn width(label: &str) -> Option<u32> {
    match label {
        "description" | "alertname" => Some(260),
        "skill_name" | "destination" => Some(180),
        "dnis" => Some(140),
        "operation" => Some(100),
        "question" => Some(100),
        "skill_id" | "hour" => Some(70),
        _ => None,
    }
}

/// Rows that stand for labels, and a column for each query.
pub fn table(title: &str, about: About, keys: &[(&'static str, &'static str)]) -> Panel {
    let mut table =
        panel(Kind::Table, title, about, json!({ "frameIndex": 0, "showHeader": true, "cellHeight": "sm" }));
    table.keys = keys.to_vec();
    table.defaults["custom"] = json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false, "filterable": false,
            "minWidth": 60 });
    table
}

/// Bars, the longest being the most.
pub fn bars(title: &str, about: About) -> Panel {
    let options = json!({
        "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "valueMode": "color",
        "namePlacement": "auto", "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 300,
        "reduceOptions": { "calcs": [reduce()], "fields": "", "values": false },
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
    });
    let mut bars = panel(Kind::BarGauge, title, about, options);
    bars.defaults["min"] = 0.into();
    bars.below(Color::Good, &[])
}

/// Words, in Markdown.
pub fn words(title: &str, text: &str) -> Panel {
    let options = json!({
        "mode": "markdown", "content": text,
        "code": { "language": "plaintext", "showLineNumbers": false, "showMiniMap": false },
    });
    panel(Kind::Text, title, about("", "", ""), options)
}

impl Panel {
    /// Adds a query.
    pub fn ask(mut self, target: Target) -> Panel {
        self.targets.push(target);
        self
    }

    /// Adds queries.
    pub fn asks(mut self, targets: impl IntoIterator<Item = Target>) -> Panel {
        self.targets.extend(targets);
        self
    }

    /// What its values are.
    pub fn unit(mut self, unit: Unit) -> Panel {
        self.defaults["unit"] = unit.id().into();
        if unit == Unit::Ratio {
            return self.decimals(1).between(0.0, 1.0);
        }
        self
    }

    /// With so many decimals.
    pub fn decimals(mut self, decimals: u32) -> Panel {
        self.defaults["decimals"] = decimals.into();
        self
    }

    /// The ends of its scale.
    pub fn between(mut self, min: f64, max: f64) -> Panel {
        self.defaults["min"] = min.into();
        self.defaults["max"] = max.into();
        self
    }

    /// With a scale that begins at 0.
    pub fn from_zero(mut self) -> Panel {
        self.defaults["min"] = 0.into();
        self
    }

    /// With a scale that ends where the values do: a ratio that may exceed 1, or go below 0.
    pub fn unbounded(mut self) -> Panel {
        if let Some(defaults) = self.defaults.as_object_mut() {
            defaults.remove("min");
            defaults.remove("max");
        }
        self
    }

    /// What stands there when there is nothing to show: the reason.
    pub fn empty(mut self, why: &str) -> Panel {
        self.defaults["noValue"] = why.into();
        self
    }

    /// Colours by value: each from its bound on.
    pub fn below(mut self, below: Color, steps: &[(f64, Color)]) -> Panel {
        self.defaults["thresholds"] = thresholds(below, steps);
        self.defaults["color"] = json!({ "mode": "thresholds" });
        self
    }

    /// Words in place of values.
    pub fn said(mut self, words: &[Mapping]) -> Panel {
        self.defaults["mappings"] = mappings(words);
        self
    }

    /// The whole tile coloured.
    pub fn filled(mut self) -> Panel {
        self.options["colorMode"] = "background_solid".into();
        self
    }

    /// With names below the numbers.
    pub fn named(mut self) -> Panel {
        self.options["textMode"] = "value_and_name".into();
        self
    }

    /// Names alone: what is shown is a label.
    pub fn names_only(mut self) -> Panel {
        self.options["textMode"] = "name".into();
        self
    }

    /// Areas on top of each other.
    pub fn stacked(mut self) -> Panel {
        let custom = &mut self.defaults["custom"];
        custom["stacking"] = json!({ "mode": "normal", "group": "A" });
        custom["fillOpacity"] = 60.into();
        custom["lineWidth"] = 0.into();
        self
    }

    /// Columns on top of each other, each for a stretch of time.
    pub fn stacked_bars(self) -> Panel {
        let mut panel = self.stacked();
        panel.defaults["custom"]["drawStyle"] = "bars".into();
        panel.defaults["custom"]["fillOpacity"] = 80.into();
        panel
    }

    /// What the axis says.
    pub fn axis(mut self, label: &str) -> Panel {
        self.defaults["custom"]["axisLabel"] = label.into();
        self
    }

    /// With the newest value of each series in the legend, as a table beside the graph.
    pub fn legend_table(mut self) -> Panel {
        self.options["legend"] = json!({
            "displayMode": "table", "placement": "right", "showLegend": true, "calcs": [reduce()],
        });
        self
    }

    /// Rows ordered by the column with this heading, the greatest first.
    pub fn sorted(mut self, heading: &'static str, greatest_first: bool) -> Panel {
        self.sorted = Some((heading, greatest_first));
        self
    }

    /// Where a click leads.
    pub fn link(mut self, title: &str, url: String) -> Panel {
        self.links.push(json!({ "title": title, "url": url, "targetBlank": false }));
        self
    }

    /// Its heading.
    pub fn title(&self) -> &str {
        &self.title
    }

    fn description(&self) -> String {
        format!(
            "{}\n\n**Formula:** {}\n\n**Source:** {}",
            self.about.what, self.about.formula, self.about.source
        )
    }

    pub(super) fn json(&self) -> Value {
        let name = match self.kind {
            Kind::Stat => "stat",
            Kind::TimeSeries => "timeseries",
            Kind::Table => "table",
            Kind::BarGauge => "bargauge",
            Kind::Text => {
                return json!({
                    "type": "text", "title": self.title, "transparent": true, "options": self.options,
                    "fieldConfig": { "defaults": {}, "overrides": [] },
                });
            }
        };
        let mut defaults = self.defaults.clone();
        if !self.links.is_empty() && self.kind != Kind::Table {
            defaults["links"] = self.links.clone().into();
        }
        if let (Kind::Stat | Kind::BarGauge, Some(why)) = (self.kind, self.defaults["noValue"].as_str()) {
            // A reason is no verdict: it has no colour.
            let nothing = json!({ "text": why, "color": color(Color::Plain), "index": 99 });
            if let Some(mappings) = defaults["mappings"].as_array_mut() {
                mappings.push(json!({
                    "type": "special", "options": { "match": "null+nan", "result": nothing },
                }));
            }
        }
        let mut overrides = Vec::new();
        let mut options = self.options.clone();
        let mut transformations = Vec::new();
        if self.kind == Kind::Table {
            // Labels that look like numbers are not numbers.
            overrides.push(json!({
                "matcher": { "id": "byType", "options": "string" },
                "properties": [{ "id": "unit", "value": Unit::Text.id() }],
            }));
            if let (Some((_, first)), false) = (self.keys.first(), self.links.is_empty()) {
                overrides.push(json!({
                    "matcher": { "id": "byName", "options": first },
                    "properties": [{ "id": "links", "value": self.links }],
                }));
            }
            overrides.extend(self.keys.iter().filter_map(|(label, heading)| {
                width(label).map(|width| {
                    json!({
                        "matcher": { "id": "byName", "options": heading },
                        "properties": [{ "id": "custom.width", "value": width }],
                    })
                })
            }));
            transformations = self.merged();
            if let Some((heading, greatest_first)) = self.sorted {
                options["sortBy"] = json!([{ "displayName": heading, "desc": greatest_first }]);
            }
        }
        overrides.extend(self.targets.iter().enumerate().filter_map(|(at, target)| target.differs(at)));
        let targets: Vec<_> = self.targets.iter().enumerate().map(|(at, target)| target.json(at)).collect();
        json!({
            "type": name, "title": self.title, "description": self.description(), "datasource": datasource(),
            "targets": targets, "options": options, "transformations": transformations,
            "fieldConfig": { "defaults": defaults, "overrides": overrides },
        })
    }

    /// Rows of the same labels made one, in the order of keys and columns.
    fn merged(&self) -> Vec<Value> {
        let columns = self.targets.iter().filter(|target| target.form() == Form::Column).count();
        let mut index = serde_json::Map::new();
        let mut names = serde_json::Map::new();
        for (at, (label, heading)) in self.keys.iter().enumerate() {
            index.insert((*label).to_owned(), at.into());
            names.insert((*label).to_owned(), (*heading).into());
        }
        let mut hidden = serde_json::Map::from_iter([("Time".to_owned(), true.into())]);
        for (at, target) in self.targets.iter().enumerate() {
            // A single query's column has no letter.
            let field = if columns == 1 { "Value".to_owned() } else { format!("Value #{}", reference(at)) };
            if target.name().is_empty() {
                hidden.insert(field, true.into());
                continue;
            }
            index.insert(field.clone(), (self.keys.len() + at).into());
            names.insert(field, target.name().into());
        }
        vec![
            // Recorded series bring their names along. As a column of text they would keep rows from being the same.
            json!({ "id": "filterFieldsByName", "options": { "exclude": { "names": ["__name__"] } } }),
            json!({ "id": "merge", "options": {} }),
            json!({
                "id": "organize",
                "options": { "excludeByName": hidden, "indexByName": index, "renameByName": names },
            }),
        ]
    }
}
