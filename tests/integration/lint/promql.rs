//! What an expression of PromQL yields: its labels, worked out from the catalogue and the recording rules.
//!
//! A name that does not exist, a label that a series lacks, two sides that can never match: all of it answers with an
//! empty panel in Grafana and with nothing else. Here it is a finding.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::{self, Expr, LabelModifier, VectorMatchCardinality, VectorSelector};
use wolkvox_exporter::dashboards::recording::names;
use wolkvox_exporter::dashboards::rule::{Group, Rule};
use wolkvox_exporter::metrics::{Kind, catalogue};

/// Names of labels.
pub(super) type Labels = BTreeSet<String>;

/// A matcher: label, operator, value.
pub(super) type Matched = (String, String, String);

/// What is read as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// Only ever grows, so it is read through `rate` or `increase`.
    Counter,
    /// A value as it is.
    Gauge,
}

/// One kind of series.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) nature: Nature,
    /// The reports that it comes from, by code.
    pub(super) reports: BTreeSet<&'static str>,
    /// Whether it is a share or a mean, of which no mean may be taken.
    pub(super) divided: bool,
}

/// Every series there is.
#[derive(Debug, Default)]
pub(super) struct World(pub(super) BTreeMap<String, Series>);

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> Labels {
    names.into_iter().map(str::to_owned).collect()
}

/// Gauges that are a share or a mean.
fn is_divided(name: &str) -> bool {
    let operation = name.rsplit(':').next().unwrap_or_default();
    ["ratio", "mean", "zscore", "change"].iter().any(|start| operation.starts_with(start))
        || name.ends_with("_ratio")
        || name.ends_with("_asa_seconds")
        || name.ends_with("_ata_seconds")
}

impl World {
    /// The catalogue and what others serve; recorded series join as their rules are read.
    pub(super) fn new(groups: &[Group]) -> (World, Vec<String>) {
        let mut world = World::default();
        for section in catalogue::SECTIONS {
            let code = section.title.split(':').next().unwrap_or_default();
            let reports: BTreeSet<_> = wolkvox_exporter::api::Report::ALL
                .iter()
                .map(|report| report.code())
                .filter(|one| *one == code)
                .collect();
            for family in section.families {
                let labels: Vec<_> =
                    family.labels.iter().map(|label| label.as_str()).chain(["job", "instance"]).collect();
                let mut add = |suffix: &str, nature, le: bool| {
                    let mut labels = set(labels.iter().copied());
                    if le {
                        labels.insert("le".to_owned());
                    }
                    let name = format!("{}{suffix}", family.name);
                    let divided = nature == Nature::Gauge && is_divided(&name);
                    let series = Series { labels, nature, reports: reports.clone(), divided };
                    world.0.insert(name, series);
                };
                match family.kind {
                    Kind::Counter => add("", Nature::Counter, false),
                    Kind::Gauge => add("", Nature::Gauge, false),
                    Kind::Summary | Kind::Histogram(_) => {
                        add("_sum", Nature::Counter, false);
                        add("_count", Nature::Counter, false);
                        if matches!(family.kind, Kind::Histogram(_)) {
                            add("_bucket", Nature::Counter, true);
                        }
                    }
                }
            }
        }
        for (name, nature) in [
            ("up", Nature::Gauge),
            ("process_start_time_seconds", Nature::Gauge),
            ("process_resident_memory_bytes", Nature::Gauge),
            ("process_cpu_seconds_total", Nature::Counter),
        ] {
            let labels = set(["job", "instance"]);
            let series = Series { labels, nature, reports: BTreeSet::new(), divided: false };
            world.0.insert(name.to_owned(), series);
        }
        let alerts = set([
            "alertname",
            "alertstate",
            "severity",
            "category",
            "operation",
            "skill_id",
            "within",
            "dnis",
            "report",
            "instance",
        ]);
        let series =
            Series { labels: alerts, nature: Nature::Gauge, reports: BTreeSet::new(), divided: false };
        world.0.insert("ALERTS".to_owned(), series);
        let mut found = Vec::new();
        for rule in groups.iter().flat_map(|group| &group.rules) {
            let Rule::Record(rule) = rule else { continue };
            let read = world.read(&rule.expr);
            found.extend(read.found.iter().map(|what| format!("{}: {what}", rule.name)));
            let level = rule.name.split(':').next().unwrap_or_default();
            let spelt: Vec<_> = read.labels.clone().unwrap_or_default().into_iter().collect();
            if spelt.iter().map(String::len).sum::<usize>() + spelt.len() != level.len() + 1
                || spelt.iter().any(|label| !level.contains(label.as_str()))
            {
                found.push(format!("{}: its labels are {spelt:?}", rule.name));
            }
            let series = Series {
                labels: read.labels.unwrap_or_default(),
                nature: Nature::Gauge,
                reports: read.reports,
                divided: is_divided(&rule.name),
            };
            world.0.insert(rule.name.clone(), series);
        }
        (world, found)
    }

    /// Reads an expression whose variables are filled in.
    pub(super) fn read(&self, expr: &str) -> Read {
        let mut read = Read::default();
        match parser::parse(expr) {
            Err(error) => read.found.push(format!("is no PromQL: {error}")),
            Ok(tree) => {
                let mut reader = Reader { world: self, read: &mut read };
                let labels = reader.expr(&tree, Within::default());
                read.labels = labels;
            }
        }
        read
    }
}

/// What was learnt from an expression.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The labels of what it yields; none for a number.
    pub(super) labels: Option<Labels>,
    /// What is wrong with it.
    pub(super) found: Vec<String>,
    /// Every selector: its name and its matchers as text.
    pub(super) selectors: Vec<(String, Vec<Matched>)>,
    /// Functions over ranges: name and seconds.
    pub(super) windows: Vec<(String, u64)>,
    /// The reports that it comes from.
    pub(super) reports: BTreeSet<&'static str>,
}

/// What stands around an expression.
#[derive(Debug, Clone, Copy, Default)]
struct Within {
    /// A sum or mean is taken of it, and nothing has weighted it.
    summed: bool,
    /// The function over the range.
    over: Option<&'static str>,
}

struct Reader<'a> {
    world: &'a World,
    read: &'a mut Read,
}

/// Functions that read counters.
const GROWTH: [&str; 3] = ["rate", "increase", "irate"];
/// Functions over ranges of gauges.
const OVER: [&str; 4] = ["min_over_time", "max_over_time", "sum_over_time", "changes"];

impl Reader<'_> {
    fn found(&mut self, what: String) {
        self.read.found.push(what);
    }

    fn expr(&mut self, expr: &Expr, within: Within) -> Option<Labels> {
        match expr {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => None,
            Expr::Paren(inner) => self.expr(&inner.expr, within),
            Expr::Unary(inner) => self.expr(&inner.expr, within),
            Expr::Subquery(inner) => {
                let over = within.over.unwrap_or_default();
                self.read.windows.push((format!("{over} of steps"), inner.range.as_secs()));
                self.expr(&inner.expr, Within { over: None, ..within })
            }
            Expr::VectorSelector(selector) => self.selector(selector, within),
            Expr::MatrixSelector(matrix) => {
                let over = within.over.unwrap_or_default();
                self.read.windows.push((over.to_owned(), matrix.range.as_secs()));
                self.selector(&matrix.vs, within)
            }
            Expr::Aggregate(aggregate) => {
                let op = aggregate.op.to_string();
                if matches!(op.as_str(), "avg" | "stddev" | "quantile") {
                    self.found(format!("takes the {op} of what should be summed and divided"));
                }
                let summed = within.summed || matches!(op.as_str(), "sum" | "avg");
                let inner = self.expr(&aggregate.expr, Within { summed, ..within }).unwrap_or_default();
                let by = match &aggregate.modifier {
                    Some(LabelModifier::Include(labels)) => set(labels.labels.iter().map(|label| &**label)),
                    Some(LabelModifier::Exclude(labels)) => inner
                        .iter()
                        .filter(|label| !labels.labels.iter().any(|one| **one == ***label))
                        .cloned()
                        .collect(),
                    None => Labels::new(),
                };
                for label in by.difference(&inner) {
                    self.found(format!("{op} by {label}, which is no label there: {inner:?}"));
                }
                if matches!(op.as_str(), "topk" | "bottomk") { Some(inner) } else { Some(by) }
            }
            Expr::Call(call) => {
                let name = call.func.name;
                let over = GROWTH.iter().chain(&OVER).find(|one| **one == name).copied();
                let mut labels = None;
                for argument in &call.args.args {
                    let inner = self.expr(argument, Within { over, ..within });
                    labels = labels.or(inner);
                }
                match name {
                    "vector" | "absent" => Some(Labels::new()),
                    "histogram_quantile" => {
                        let mut labels = labels.unwrap_or_default();
                        if !labels.remove("le") {
                            self.found("a quantile of what has no bounds".to_owned());
                        }
                        Some(labels)
                    }
                    "label_replace" => {
                        if let (Some(labels), Some(Expr::StringLiteral(label))) =
                            (labels.as_mut(), call.args.args.get(1).map(|argument| &**argument))
                        {
                            labels.insert(label.val.clone());
                        }
                        labels
                    }
                    _ => labels,
                }
            }
            Expr::Binary(binary) => {
                let op = binary.op.to_string();
                // What is multiplied by a count is weighted, and calls divided by a share are calls; the right of a
                // set operator is not counted.
                let weighted = Within { summed: within.summed && op != "*", ..within };
                let left = self.expr(&binary.lhs, weighted);
                let uncounted = matches!(op.as_str(), "and" | "unless" | "/");
                let right_within = Within { summed: weighted.summed && !uncounted, ..weighted };
                let right = self.expr(&binary.rhs, right_within);
                let (Some(left), Some(right)) = (left.clone(), right.clone()) else { return left.or(right) };
                self.matched(binary, &op, left, right)
            }
        }
    }

    fn matched(
        &mut self,
        binary: &parser::BinaryExpr,
        op: &str,
        left: Labels,
        right: Labels,
    ) -> Option<Labels> {
        let modifier = binary.modifier.as_ref();
        let on = modifier.and_then(|modifier| modifier.matching.as_ref());
        let on = match on {
            Some(LabelModifier::Include(labels)) => set(labels.labels.iter().map(|label| &**label)),
            Some(LabelModifier::Exclude(_)) => {
                self.found("`ignoring` breaks when a label is added; use `on`".to_owned());
                return Some(left);
            }
            None => {
                if left != right {
                    self.found(format!("{op}: {left:?} and {right:?} never match"));
                }
                left.union(&right).cloned().collect()
            }
        };
        for label in on.iter().filter(|label| !left.contains(*label) || !right.contains(*label)) {
            self.found(format!("{op} on {label}, which one side lacks: {left:?}, {right:?}"));
        }
        if matches!(op, "and" | "unless" | "or") {
            return Some(left);
        }
        match modifier.map(|modifier| &modifier.card) {
            Some(VectorMatchCardinality::ManyToOne(more)) => {
                let more = set(more.labels.iter().map(|label| &**label));
                for label in more.difference(&right) {
                    self.found(format!("takes {label} from what lacks it: {right:?}"));
                }
                Some(left.union(&more).cloned().collect())
            }
            Some(VectorMatchCardinality::OneToMany(_)) => {
                self.found("group_right: put the many at the left".to_owned());
                Some(right)
            }
            _ => {
                // One to one: the labels matched on must name one series on each side.
                if left != on && right != on {
                    self.found(format!(
                        "{op} on {on:?}: neither {left:?} nor {right:?} is one series of \
                                        each"
                    ));
                }
                Some(on)
            }
        }
    }

    fn selector(&mut self, selector: &VectorSelector, within: Within) -> Option<Labels> {
        let name = selector.name.clone().unwrap_or_default();
        let matchers = &selector.matchers.matchers;
        let text = |matcher: &promql_parser::label::Matcher| {
            (matcher.name.clone(), matcher.op.to_string(), matcher.value.clone())
        };
        self.read.selectors.push((name.clone(), matchers.iter().map(text).collect()));
        let Some(series) = self.world.0.get(&name) else {
            self.found(format!("no series is called {name:?}"));
            return Some(Labels::new());
        };
        // A name is looked up: no figure comes from there.
        if name != names() {
            self.read.reports.extend(&series.reports);
        }
        for matcher in matchers {
            if !series.labels.contains(&matcher.name) {
                self.found(format!("{name} has no label {}", matcher.name));
            }
        }
        match (series.nature, within.over) {
            (Nature::Counter, over) if over.is_none_or(|over| !GROWTH.contains(&over)) => {
                self.found(format!("{name} is a counter, read without rate or increase"));
            }
            (Nature::Gauge, Some(over)) if GROWTH.contains(&over) => {
                self.found(format!("{over} of {name}, which is no counter"));
            }
            _ => {}
        }
        if within.summed && series.divided {
            self.found(format!("sums {name}, which is a share or a mean"));
        }
        Some(series.labels.clone())
    }
}
