//! Faults planted in good boards: every rule notices its own.

use serde_json::{Value, json};
use wolkvox_exporter::dashboards::{Options, recording_rules};
use wolkvox_exporter::metrics::catalogue;

use super::promql::World;
use super::{EXCEPTIONS, delivered, judged, layout, queries};

/// The first panel of this kind, or of this title.
fn panel<'a>(board: &'a mut Value, which: &str) -> &'a mut Value {
    let panels = board["panels"].as_array_mut().unwrap();
    panels.iter_mut().find(|panel| panel["type"] == which || panel["title"] == which).unwrap()
}

fn expr(board: &mut Value, which: &str, from: &str, to: &str) {
    let expr = &mut panel(board, which)["targets"][0]["expr"];
    let text = expr.as_str().unwrap();
    assert!(text.contains(from), "{text}");
    *expr = text.replace(from, to).into();
}

fn variable<'a>(board: &'a mut Value, name: &str) -> &'a mut Value {
    let all = board["templating"]["list"].as_array_mut().unwrap();
    all.iter_mut().find(|one| one["name"] == name).unwrap()
}

type Fault = fn(&mut Value);

/// Each fault, planted in the board of a skill, and the rule that must notice it.
const FAULTS: &[(&str, Fault)] = &[
    ("uid", |board| board["uid"] = "x".repeat(41).into()),
    ("uneditable", |board| board["editable"] = true.into()),
    ("title", |board| panel(board, "stat")["title"] = "".into()),
    ("title", |board| board["description"] = "".into()),
    ("title", |board| panel(board, "text")["options"]["content"] = "".into()),
    ("time", |board| board["refresh"] = "".into()),
    ("schema", |board| board["schemaVersion"] = 30.into()),
    ("ids", |board| panel(board, "stat")["id"] = 1.into()),
    ("annotations", |board| board["annotations"]["list"][2]["name"] = "".into()),
    ("trust-first", |board| board["panels"].as_array_mut().unwrap().swap(1, 2)),
    ("datasource", |board| panel(board, "table")["datasource"]["uid"] = "prometheus".into()),
    ("datasource", |board| panel(board, "stat")["targets"][0]["datasource"] = Value::Null),
    ("datasource", |board| board["annotations"]["list"][0]["datasource"] = Value::Null),
    ("grid", |board| panel(board, "stat")["gridPos"]["w"] = 5.into()),
    ("grid", |board| panel(board, "stat")["gridPos"]["w"] = 3.into()),
    ("grid", |board| panel(board, "text")["gridPos"]["w"] = 25.into()),
    ("grid", |board| panel(board, "text")["gridPos"] = Value::Null),
    ("template-datasource", |board| variable(board, "datasource")["label"] = "Source".into()),
    ("template-job", |board| variable(board, "job")["multi"] = false.into()),
    ("template-reload", |board| variable(board, "dnis")["refresh"] = 1.into()),
    ("template-label", |board| variable(board, "dnis")["label"] = "".into()),
    ("variable-unused", |board| {
        let mut spare = variable(board, "within").clone();
        spare["name"] = "spare".into();
        board["templating"]["list"].as_array_mut().unwrap().push(spare);
    }),
    ("variable-unknown", |board| expr(board, "table", "$dnis", "$line")),
    ("variable-unknown", |board| panel(board, "table")["description"] = "of $nobody".into()),
    ("kind", |board| panel(board, "bargauge")["type"] = "piechart".into()),
    ("description", |board| panel(board, "stat")["description"] = "Age of the data.".into()),
    ("description", |board| {
        let said = &mut panel(board, "stat")["description"];
        *said = said.as_str().unwrap().replace("**Formula:** ", "").into();
    }),
    ("targets", |board| panel(board, "stat")["targets"] = json!([])),
    ("unit", |board| panel(board, "stat")["fieldConfig"]["defaults"]["unit"] = "".into()),
    ("unit", |board| {
        let overrides = &mut panel(board, "Every line")["fieldConfig"]["overrides"];
        overrides[2]["properties"][0] = json!({ "id": "unit", "value": "percent1" });
    }),
    ("no-value", |board| panel(board, "stat")["fieldConfig"]["defaults"]["noValue"] = "".into()),
    ("table-strings", |board| panel(board, "table")["fieldConfig"]["overrides"][0] = Value::Null),
    ("ratio-bounds", |board| {
        panel(
            board,
            "In time, 1 \
                                           hour",
        )["fieldConfig"]["defaults"]["max"] = 100.into()
    }),
    ("ratio-beside-count", |board| {
        panel(board, "Calls offered")["fieldConfig"]["defaults"]["unit"] = "short".into();
    }),
    ("links", |board| {
        panel(board, "stat")["fieldConfig"]["defaults"]["links"][0]["url"] = "/d/nowhere?".into()
    }),
    ("links", |board| panel(board, "stat")["fieldConfig"]["defaults"]["links"][0]["url"] = "nowhere".into()),
    ("links", |board| {
        let url = &mut panel(board, "stat")["fieldConfig"]["defaults"]["links"][0]["url"];
        *url = url.as_str().unwrap().replace("&${__url_time_range}", "").into();
    }),
    ("links", |board| {
        let url = &mut panel(board, "stat")["fieldConfig"]["defaults"]["links"][0]["url"];
        *url = format!("{}&var-dnis=1", url.as_str().unwrap()).into();
    }),
    ("links", |board| {
        let links = &mut panel(
            board,
            "Every \
                                       line",
        )["fieldConfig"]["overrides"][1]["properties"][0]["value"];
        let url = &mut links[0]["url"];
        *url = url.as_str().unwrap().replace("fields.dnis", "fields.line").into();
    }),
    ("links", |board| board["links"][0]["includeVars"] = false.into()),
    ("promql", |board| expr(board, "Every line", "sum by (", "sum by (,")),
    ("promql", |board| expr(board, "Every line", "wolkvox_inbound_calls_total", "wolkvox_calls_total")),
    ("promql", |board| expr(board, "Every line", "operation=~", "tenant=~")),
    ("promql", |board| expr(board, "Every line", "increase(", "avg_over_time(")),
    ("promql", |board| expr(board, "Every line", "sum by", "avg by")),
    ("promql", |board| expr(board, "Calls per hour", "sum(max", "sum by (hour) (max")),
    ("target-job", |board| expr(board, "Every line", "job=~\"$job\",", "")),
    ("variable-forgotten", |board| expr(board, "Every line", "dnis=~\"$dnis\"", "dnis!=\"\"")),
    ("several-values", |board| expr(board, "Every line", "dnis=~", "dnis=")),
    ("le", |board| {
        let target = &mut panel(board, "Every line")["targets"][1]["expr"];
        *target = target.as_str().unwrap().replace(r"(\\.0)?", "").into();
    }),
    ("target-interval", |board| panel(board, "timeseries")["targets"][0]["interval"] = "".into()),
    ("target-interval", |board| expr(board, "Every line", "[$__range]", "[5m]")),
    ("target-rate-interval", |board| expr(board, "Calls per hour", "[$__rate_interval]", "[1h]")),
    ("target-rate-interval", |board| expr(board, "Calls per hour", "[$__rate_interval]", "[$__range]")),
    ("target-rate-interval", |board| expr(board, "Every line", "[$__range]", "[$__rate_interval]")),
    ("legend", |board| panel(board, "timeseries")["targets"][0]["legendFormat"] = "{{dnis}}".into()),
    ("table-keys", |board| expr(board, "Every line", "skill_id, dnis)", "dnis)")),
    ("source", |board| {
        let said = &mut panel(board, "Every line")["description"];
        *said = said.as_str().unwrap().replace("skill_6", "a report").into();
    }),
    ("variables", |board| {
        let dnis = variable(board, "dnis");
        dnis["query"]["query"] = dnis["query"]["query"]
            .as_str()
            .unwrap()
            .replace(
                ", dnis)",
                ", \
            line)",
            )
            .into();
    }),
];

#[test]
fn every_planted_fault_is_noticed_by_its_rule() {
    let options = Options::default();
    let good = delivered(&options);
    let (world, _) = World::new(&recording_rules(&options));
    let at = good.iter().position(|board| board["uid"] == "wolkvox-skill").unwrap();
    for (number, (rule, fault)) in FAULTS.iter().enumerate() {
        let mut boards = good.clone();
        fault(&mut boards[at]);
        assert_ne!(boards[at], good[at], "fault {number} of {rule} changes nothing");
        let mut found = layout::findings(&boards[at], &boards);
        found.extend(queries::findings(&boards[at], &world));
        let (left, _) = judged(found);
        assert!(
            left.iter().any(|finding| finding.rule == *rule),
            "{rule} does not notice fault {number}: \
            {left:?}"
        );
    }
}

#[test]
fn every_rule_has_a_planted_fault_or_an_exception_that_shows_it() {
    let shown = |rule: &str| {
        FAULTS.iter().any(|(planted, _)| *planted == rule) || EXCEPTIONS.iter().any(|one| one.0 == rule)
    };
    for source in [include_str!("layout.rs"), include_str!("queries.rs")] {
        let calls = source.split("add(").skip(1).map(str::trim_start);
        for rule in calls.filter_map(|rest| rest.strip_prefix('"')?.split('"').next()) {
            assert!(shown(rule), "nothing shows that {rule} notices anything");
        }
    }
}

/// What the reader of expressions must refuse, and a piece of what it says.
const WRONG: &[(&str, &str)] = &[
    ("sum(rate(wolkvox_inbound_calls_total[30m])", "no PromQL"),
    ("wolkvox_inbound", "no series is called"),
    ("wolkvox_inbound_calls_total", "is a counter"),
    ("rate(wolkvox_business_open[30m])", "is no counter"),
    ("sum by (within) (rate(wolkvox_inbound_calls_total[30m]))", "by within"),
    ("avg(wolkvox_today_asa_seconds)", "takes the avg"),
    ("sum(wolkvox_today_asa_seconds)", "is a share or a mean"),
    ("sum(operation_skill_id:wolkvox_abandon:ratio30m)", "is a share or a mean"),
    ("sum by (operation) (wolkvox_business_open) * wolkvox_business_open", "never match"),
    ("wolkvox_business_open and on (dnis) wolkvox_business_open", "one side lacks"),
    ("wolkvox_business_open * on (operation) wolkvox_business_open", "one series of each"),
    ("wolkvox_business_open * on (operation, skill_id) group_left (dnis) wolkvox_skill_info", "lacks it"),
    (
        "wolkvox_skill_info * on (operation, skill_id) group_right () \
      wolkvox_today_asa_seconds",
        "group_right",
    ),
    ("wolkvox_business_open * ignoring (job) wolkvox_business_open", "ignoring"),
    ("histogram_quantile(0.5, sum(rate(wolkvox_callback_wait_seconds_bucket[30m])))", "no bounds"),
    ("wolkvox_business_open{dnis=\"1\"}", "has no label dnis"),
];

#[test]
fn expressions_that_would_answer_with_nothing_or_nonsense_are_refused() {
    let (world, _) = World::new(&recording_rules(&Options::default()));
    for (expr, piece) in WRONG {
        let found = world.read(expr).found;
        assert!(found.iter().any(|what| what.contains(piece)), "{expr}: {found:?}");
    }
    // A weighted mean is one: shares times the calls that they are of.
    let weighted = "sum(operation_skill_id:wolkvox_abandon:ratio30m * \
                    operation_skill_id:wolkvox_inbound_calls:increase30m)";
    assert_eq!(world.read(weighted).found, Vec::<String>::new());
    assert!(world.0.len() > catalogue::all().count() + 80, "recorded series are known");
}
