//! What a reader may choose above a board.

use serde_json::{Value, json};

use super::datasource;

/// Where the values of a variable come from.
#[derive(Debug)]
pub enum Values {
    /// The data sources of Grafana.
    Datasource,
    /// The values of a label: the series, and the label.
    Label(String, &'static str),
    /// What a query returns, with the expression that takes value and text out of each line.
    Query(String, &'static str),
    /// These, the first chosen.
    Fixed(&'static [&'static str]),
}

/// A variable.
#[derive(Debug)]
pub struct Variable {
    /// What expressions call it: the name of a label, where it stands for one.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Where its values come from.
    pub values: Values,
    /// Several may be chosen, or all, which matches this; where it is empty, all are each of the values.
    pub all: Option<&'static str>,
    /// Chosen at first; all, or the first value, when nothing is given.
    pub current: Option<String>,
    /// Not shown, but still set by addresses.
    pub hidden: bool,
}

impl Variable {
    pub(super) fn json(&self) -> Value {
        let mut value = json!({
            "name": self.name, "label": self.label, "hide": if self.hidden { 2 } else { 0 },
            "skipUrlSync": false, "multi": self.all.is_some(), "includeAll": self.all.is_some(),
            "options": [],
        });
        if let Some(all) = self.all {
            if !all.is_empty() {
                value["allValue"] = all.into();
            }
            value["current"] = json!({ "selected": true, "text": ["All"], "value": ["$__all"] });
        }
        if let Some(current) = &self.current {
            value["current"] = if self.all.is_some() {
                json!({ "selected": true, "text": [current], "value": [current] })
            } else {
                json!({ "selected": true, "text": current, "value": current })
            };
        }
        match &self.values {
            Values::Datasource => {
                value["type"] = "datasource".into();
                value["query"] = "prometheus".into();
                value["refresh"] = 1.into();
                value["regex"] = "".into();
                value["current"] = json!({});
            }
            Values::Label(series, label) => {
                query(&mut value, &format!("label_values({series}, {label})"), "");
            }
            Values::Query(expr, regex) => query(&mut value, &format!("query_result({expr})"), regex),
            Values::Fixed(values) => {
                value["type"] = "custom".into();
                value["query"] = values.join(",").into();
                let options: Vec<_> = values
                    .iter()
                    .map(|each| {
                        let selected = self.current.as_deref() == Some(each);
                        json!({ "selected": selected, "text": each, "value": each })
                    })
                    .collect();
                value["options"] = options.into();
            }
        }
        value
    }
}

/// Asked anew when the time range changes.
fn query(value: &mut Value, text: &str, regex: &str) {
    value["type"] = "query".into();
    value["datasource"] = datasource();
    value["definition"] = text.into();
    value["query"] = json!({ "query": text, "refId": "Variable" });
    value["refresh"] = 2.into();
    value["regex"] = regex.into();
    value["sort"] = 1.into();
}
