//! Boards as Grafana reads them: variables filled in, targets asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use serde_json::{Value, json};

use crate::prometheus::server::Prometheus;

/// One board, as committed.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) uid: String,
    json: Value,
}

/// One question of a panel.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) panel: i64,
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) id: String,
    pub(super) expr: String,
    pub(super) instant: bool,
    legend: String,
    /// Seconds between two points, at least.
    least: i64,
    /// Between these the numbers of its panel or column must lie.
    bounds: (f64, f64),
}

/// The choice of a variable: what is shown, and the values; all of them where it says so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) text: Value,
    pub(super) value: Value,
    /// What stands in a query.
    pub(super) filled: String,
}

pub(super) type Choices = BTreeMap<String, Choice>;

/// What each variable offers: what is shown, and the value.
pub(super) type Offers = BTreeMap<String, Vec<(String, String)>>;

/// When and over how long a board is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) to: i64,
    pub(super) range: i64,
}

/// Points that a panel has room for.
const POINTS: i64 = 500;

/// Every board that is committed.
pub(super) fn boards() -> Vec<Board> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/grafana");
    let mut boards: Vec<Board> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let json: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
            Board { uid: json["uid"].as_str().unwrap().to_owned(), json }
        })
        .collect();
    boards.sort_by(|a, b| a.uid.cmp(&b.uid));
    boards
}

/// `now-12h` as seconds.
fn seconds(text: &str) -> i64 {
    let text = text.strip_prefix("now-").unwrap_or(text);
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => panic!("{text} is no length of time"),
    };
    number.parse::<i64>().unwrap() * unit
}

impl Board {
    /// Replaces a piece of every expression; whether there was any.
    pub(super) fn replace(&mut self, right: &str, wrong: &str) -> bool {
        super::mistakes::replace(&mut self.json["panels"], right, wrong)
    }

    /// How far back it looks when it is opened.
    pub(super) fn range(&self) -> i64 {
        assert_eq!(self.json["time"]["to"], "now", "{}", self.uid);
        seconds(self.json["time"]["from"].as_str().unwrap())
    }

    /// Every target of every panel, those of closed rows included.
    pub(super) fn targets(&self) -> Vec<Target> {
        fn walk(panels: &Value, found: &mut Vec<Target>) {
            for panel in panels.as_array().into_iter().flatten() {
                walk(&panel["panels"], found);
                for target in panel["targets"].as_array().into_iter().flatten() {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let least =
                        target["interval"].as_str().or(panel["interval"].as_str()).map_or(15, seconds);
                    found.push(Target {
                        panel: panel["id"].as_i64().unwrap(),
                        kind: text(&panel["type"]),
                        title: text(&panel["title"]),
                        id: text(&target["refId"]),
                        expr: text(&target["expr"]),
                        instant: target["instant"] == true,
                        legend: text(&target["legendFormat"]),
                        least,
                        bounds: bounds(panel, target),
                    });
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.json["panels"], &mut found);
        found
    }

    /// The expressions of its annotations by name.
    pub(super) fn annotations(&self) -> Vec<(String, String)> {
        let list = self.json["annotations"]["list"].as_array().into_iter().flatten();
        list.filter_map(|one| Some((one["name"].as_str()?.to_owned(), one["expr"].as_str()?.to_owned())))
            .collect()
    }

    /// Fills its variables in their order, each from the answer of its own query: those in `chosen` as told, the others as
    /// the board is opened.
    pub(super) async fn choose(
        &self,
        server: &Prometheus,
        look: Look,
        chosen: &[(&str, &str)],
    ) -> Result<Choices, String> {
        self.offer(server, look, chosen).await.map(|(choices, _)| choices)
    }

    /// The same, with what each variable offers: what is shown, and the value.
    pub(super) async fn offer(
        &self,
        server: &Prometheus,
        look: Look,
        chosen: &[(&str, &str)],
    ) -> Result<(Choices, Offers), String> {
        let mut choices = Choices::new();
        let mut offers = Offers::new();
        for variable in self.json["templating"]["list"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let options: Vec<(String, String)> = match variable["type"].as_str().unwrap() {
                "datasource" => vec![("Prometheus".to_owned(), "prometheus".to_owned())],
                "custom" => {
                    let text = variable["query"].as_str().unwrap();
                    let option = |text: &str| {
                        let (text, value) = text.split_once(" : ").unwrap_or((text, text));
                        (text.trim().to_owned(), value.trim().to_owned())
                    };
                    text.split(',').map(option).collect()
                }
                "textbox" | "constant" => {
                    let value = variable["query"].as_str().unwrap_or_default().to_owned();
                    vec![(value.clone(), value)]
                }
                "query" => self.options(server, look, variable, &choices).await?,
                other => return Err(format!("variable {name} is of an unknown kind {other}")),
            };
            if options.is_empty() {
                return Err(format!("variable {name} has no values"));
            }
            choices.insert(name.to_owned(), choice(variable, &options, chosen)?);
            offers.insert(name.to_owned(), options);
        }
        Ok((choices, offers))
    }

    async fn options(
        &self,
        server: &Prometheus,
        look: Look,
        variable: &Value,
        choices: &Choices,
    ) -> Result<Vec<(String, String)>, String> {
        let query = variable["query"]["query"].as_str().or(variable["query"].as_str()).unwrap();
        let query = fill(query, choices, look, 60)?;
        let values: Vec<String> = if let Some(inner) = within(&query, "label_values") {
            let (series, label) = inner.rsplit_once(',').ok_or("label_values of no series")?;
            let (from, to) = ((look.to - look.range).to_string(), look.to.to_string());
            let asked = [("match[]", series.trim()), ("start", &from), ("end", &to)];
            let answer = server.try_ask(&format!("label/{}/values", label.trim()), &asked).await?;
            serde_json::from_value(answer).map_err(|why| why.to_string())?
        } else if let Some(inner) = within(&query, "query_result") {
            let at = look.to.to_string();
            let answer = server.try_ask("query", &[("query", inner), ("time", &at)]).await?;
            let line = |result: &Value| {
                let labels =
                    result["metric"].as_object().unwrap().iter().filter(|(name, _)| *name != "__name__");
                let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
                let (value, at) = (result["value"][1].as_str().unwrap(), &result["value"][0]);
                format!("{{{}}} {value} {at}000", labels.join(","))
            };
            answer["result"].as_array().unwrap().iter().map(line).collect()
        } else {
            return Err(format!("a variable asks {query:?}"));
        };
        let regex = variable["regex"].as_str().unwrap_or_default();
        let mut options: Vec<(String, String)> = match regex {
            "" => values.into_iter().map(|value| (value.clone(), value)).collect(),
            _ => values.iter().filter_map(|value| named(regex, value)).collect(),
        };
        options.sort_by(|a, b| a.1.cmp(&b.1));
        options.dedup();
        Ok(options)
    }
}

fn within<'a>(query: &'a str, function: &str) -> Option<&'a str> {
    query.trim().strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')
}

/// What a regular expression of the one form that boards use finds: `label="(?<group>..)"`, the text optional.
///
/// # Panics
///
/// At any other form, which is to be added here.
fn named(regex: &str, line: &str) -> Option<(String, String)> {
    let group = |name: &str| {
        let before =
            regex.split(&format!("(?<{name}>")).next().filter(|before| before.len() < regex.len())?;
        let label = before.rsplit(|c: char| !c.is_alphanumeric() && !"_=\"".contains(c)).next().unwrap();
        assert!(label.ends_with("=\""), "the form of {regex:?} is not known here");
        let rest = line.split(label).nth(1)?;
        Some(rest[..rest.find('"')?].to_owned())
    };
    let value = group("value")?;
    Some((group("text").unwrap_or_else(|| value.clone()), value))
}

fn choice(variable: &Value, options: &[(String, String)], chosen: &[(&str, &str)]) -> Result<Choice, String> {
    let name = variable["name"].as_str().unwrap();
    let several = variable["multi"] == true || variable["includeAll"] == true;
    let wanted = chosen.iter().find(|(of, _)| *of == name).map(|(_, value)| *value);
    if wanted.is_none() && variable["includeAll"] == true && name != "job" {
        let filled = match variable["allValue"].as_str() {
            Some(all) => all.to_owned(),
            None => joined(options),
        };
        return Ok(Choice { text: json!(["All"]), value: json!(["$__all"]), filled });
    }
    let current = variable["current"]["value"].as_str();
    let wanted = wanted.or(current);
    let option = match wanted {
        Some(wanted) => options.iter().find(|(_, value)| value == wanted),
        None => None,
    };
    let (text, value) = option.unwrap_or(&options[0]);
    if chosen.iter().any(|(of, wanted)| *of == name && wanted != value) {
        return Err(format!("variable {name} has no value {:?}", wanted.unwrap()));
    }
    let filled = if several { escaped(value) } else { value.clone() };
    Ok(if several {
        Choice { text: json!([text]), value: json!([value]), filled }
    } else {
        Choice { text: json!(text), value: json!(value), filled }
    })
}

fn joined(options: &[(String, String)]) -> String {
    let all: Vec<_> = options.iter().map(|(_, value)| escaped(value)).collect();
    format!("({})", all.join("|"))
}

/// A value within a regular expression, as Grafana's data source writes it.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        if "\\^$.*+?()[]{}|".contains(character) {
            text.push_str("\\\\");
        }
        text.push(character);
    }
    text
}

/// An expression with every variable filled in; what stays is a mistake.
pub(super) fn fill(expr: &str, choices: &Choices, look: Look, step: i64) -> Result<String, String> {
    let mut filled = expr.to_owned();
    let rate = (4 * step).max(step + step.min(300));
    let globals = [
        ("__rate_interval", format!("{rate}s")),
        ("__interval_ms", (step * 1000).to_string()),
        ("__interval", format!("{step}s")),
        ("__range_ms", (look.range * 1000).to_string()),
        ("__range_s", look.range.to_string()),
        ("__range", format!("{}s", look.range)),
        ("__from", ((look.to - look.range) * 1000).to_string()),
        ("__to", (look.to * 1000).to_string()),
    ];
    // The longest names first: none is the beginning of one that follows.
    let mut own: Vec<(String, String)> =
        choices.iter().map(|(name, choice)| (name.clone(), choice.filled.clone())).collect();
    own.extend(globals.map(|(name, value)| (name.to_owned(), value)));
    own.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in own {
        for form in [format!("${{{name}}}"), format!("${{{name}:regex}}"), format!("${name}")] {
            filled = filled.replace(&form, &value);
        }
    }
    if filled.contains('$') || filled.contains("[[") {
        return Err(format!("something is not filled in: {filled}"));
    }
    Ok(filled)
}

/// What may be below 0 though it is a share or a count: differences, and what is left of a budget.
const SIGNED: [&str; 6] =
    ["Margin", "Evidence", "Left, 7 d", "Left, 30 d", "Budget left, 30 days", "Against last week"];

/// A share lies between 0 and 1 where its panel says so, and nothing else is below 0 but differences.
fn bounds(panel: &Value, target: &Value) -> (f64, f64) {
    // A column is called what its value is renamed to.
    let value = format!("Value #{}", target["refId"].as_str().unwrap_or_default());
    let mut renamed = panel["transformations"].as_array().into_iter().flatten();
    let heading = renamed.find_map(|each| each["options"]["renameByName"][&value].as_str());
    let name = heading.or(target["legendFormat"].as_str()).unwrap_or_default();
    let defaults = &panel["fieldConfig"]["defaults"];
    let overrides = panel["fieldConfig"]["overrides"].as_array().into_iter().flatten();
    let of_column = overrides.filter(|one| one["matcher"]["options"] == name && !name.is_empty());
    let properties: Vec<&Value> =
        of_column.flat_map(|one| one["properties"].as_array().into_iter().flatten()).collect();
    let property = |id: &str| {
        let own = properties.iter().find(|property| property["id"] == id);
        own.map_or_else(|| defaults[id].clone(), |property| property["value"].clone())
    };
    let title = panel["title"].as_str().unwrap_or_default();
    let signed = [title, name].iter().any(|text| SIGNED.contains(text));
    let low = property("min").as_f64().unwrap_or(if signed { f64::NEG_INFINITY } else { 0.0 });
    (low, property("max").as_f64().unwrap_or(f64::INFINITY))
}

impl Target {
    /// The first number of an answer that its panel cannot mean: none at all, or one out of bounds.
    pub(super) fn absurd(&self, answer: &Value) -> Option<String> {
        let (low, high) = self.bounds;
        let series = answer["result"].as_array().map_or(&[][..], Vec::as_slice);
        let pairs = series
            .iter()
            .flat_map(|series| series["values"].as_array().into_iter().flatten().chain(series.get("value")));
        let mut texts = pairs.filter_map(|pair| pair[1].as_str());
        let is_fine = |text: &str| {
            let value: f64 = text.parse().unwrap_or(f64::NAN);
            value.is_finite() && (low - 1e-9..=high + 1e-9).contains(&value)
        };
        texts.find(|text| !is_fine(text)).map(|text| format!("{text}, not between {low} and {high}"))
    }

    /// The question of an annotation, asked over the whole range.
    pub(super) fn of(expr: &str) -> Target {
        Target {
            panel: 0,
            kind: "annotation".to_owned(),
            title: String::new(),
            id: String::new(),
            expr: expr.to_owned(),
            instant: false,
            legend: String::new(),
            least: 60,
            bounds: (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Seconds between two points of a panel this wide.
    fn step(&self, look: Look) -> i64 {
        const STEPS: [i64; 12] = [15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800];
        let wanted = (look.range / POINTS).max(self.least);
        STEPS.into_iter().find(|step| *step >= wanted).unwrap_or(21_600)
    }

    /// The expression as it is asked.
    pub(super) fn filled(&self, choices: &Choices, look: Look) -> Result<String, String> {
        fill(&self.expr, choices, look, self.step(look))
    }

    /// What Prometheus answers.
    pub(super) async fn ask(
        &self,
        server: &Prometheus,
        choices: &Choices,
        look: Look,
    ) -> Result<Value, String> {
        let query = self.filled(choices, look)?;
        let to = look.to.to_string();
        if self.instant {
            return server.try_ask("query", &[("query", &query), ("time", &to)]).await;
        }
        let step = self.step(look);
        // As Grafana does, on multiples of the step.
        let from = ((look.to - look.range) / step * step).to_string();
        let to = (look.to / step * step).to_string();
        let step = step.to_string();
        let asked = [("query", query.as_str()), ("start", &from), ("end", &to), ("step", &step)];
        server.try_ask("query_range", &asked).await
    }

    /// What Prometheus answers for one instant, whatever the panel draws.
    pub(super) async fn ask_once(
        &self,
        server: &Prometheus,
        choices: &Choices,
        look: Look,
    ) -> Result<Value, String> {
        let query = self.filled(choices, look)?;
        server.try_ask("query", &[("query", &query), ("time", &look.to.to_string())]).await
    }

    /// What it answers for instants so many seconds apart, from one to another.
    pub(super) async fn ask_along(
        &self,
        server: &Prometheus,
        choices: &Choices,
        look: Look,
        (from, to, step): (i64, i64, i64),
    ) -> Result<Value, String> {
        let query = self.filled(choices, look)?;
        let [from, to, step] = [from, to, step].map(|number| number.to_string());
        let asked = [("query", query.as_str()), ("start", &from), ("end", &to), ("step", &step)];
        server.try_ask("query_range", &asked).await
    }

    /// The answer with its question, for those who draw it.
    pub(super) fn captured(&self, query: &str, answer: Value) -> Value {
        json!({ "query": query, "instant": self.instant, "legendFormat": self.legend, "answer": answer })
    }
}

/// How many series an answer has, and how many of their samples are numbers.
pub(super) fn size(answer: &Value) -> (usize, usize) {
    let series = answer["result"].as_array().map_or(&[][..], Vec::as_slice);
    let is_number =
        |pair: &Value| pair[1].as_str().is_some_and(|text| text.parse().is_ok_and(f64::is_finite));
    let finite = series.iter().map(|series| {
        let several = series["values"].as_array().into_iter().flatten();
        several.chain(series.get("value")).filter(|pair| is_number(pair)).count()
    });
    (series.len(), finite.sum())
}
