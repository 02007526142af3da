//! Voice of customer: what do customers say, and do enough of them say it?

use super::parts::{RULES_NOTE, notes, trust};
use crate::api::Report;
use crate::dashboards::grafana::panel::{Color, Panel, Unit, about, bars, graph, stat, table};
use crate::dashboards::grafana::target::{column, instant, range};
use crate::dashboards::grafana::{Line, Section};
use crate::dashboards::recording::{ANSWERS_SATISFIED, ANSWERS_SCALED, QUESTION, SATISFIED, SCALE, counted};
use crate::dashboards::scope::{RANGE, Scope};
use crate::dashboards::words::{Part, Window, is, is_none_of, is_one_of, list};
use crate::metrics::{Label, catalogue};

const ANSWERS: &str = "diagram_4 (q#)";
const RESULT: &str = "diagram_4 (result)";

pub(super) fn sections(scope: Scope<'_>) -> Vec<Section> {
    vec![
        trust(scope, &[Report::Diagram4]),
        Section { title: "Over the time shown", lines: vec![Line { height: 5, panels: totals(scope) }] },
        Section {
            title: "What they answered",
            lines: vec![
                Line {
                    height: 8,
                    panels: vec![(9, satisfied(scope)), (9, answered(scope)), (6, answers(scope))],
                },
                Line { height: 9, panels: vec![(24, questions(scope))] },
            ],
        },
        Section {
            title: "Who answered, and how they felt",
            lines: vec![Line {
                height: 8,
                panels: vec![(12, results(scope)), (6, feelings(scope)), (6, messages(scope))],
            }],
        },
        notes(
            4,
            &format!(
                "{RULES_NOTE}\n\n**Satisfied** is the share of answers 4 and 5 among those from 1 to 5. \
                 *At least* and *at most* are its 95 % interval \
                 (Wilson): so far the share of all customers may lie from that of those who answered. It is hidden below {} \
                 answers. A question that somebody answered outside of 1 to 5 within the time has another scale and is left \
                 out; *Answers by value* and the mean score, which people ask for, have every question.",
                scope.options.thresholds.csat_answers
            ),
        ),
    ]
}

/// Answers of questions that nobody answered outside of the scale.
fn of(scope: Scope<'_>, by: &[Label], which: &[&str]) -> String {
    let grown =
        |matcher| scope.grown_part(QUESTION, &catalogue::SURVEY_ANSWERS, Part::Value, &[matcher], RANGE);
    let scaled = format!(
        "({} unless on ({}) ({} > 0))",
        grown(is_one_of(Label::Answer, which)),
        list(QUESTION),
        grown(is_none_of(Label::Answer, SCALE))
    );
    if by.is_empty() { format!("sum{scaled}") } else { scaled }
}

/// One end of the interval in which a share lies with 95 % certainty.
fn wilson(part: &str, whole: &str, sign: char) -> String {
    let share = format!("({part} / {whole})");
    format!(
        "({share} + 1.92 / {whole} {sign} 1.96 * sqrt({share} * (1 - {share}) / {whole} + 0.96 / {whole} \
         ^ 2)) / (1 + 3.84 / {whole})"
    )
}

fn totals(scope: Scope<'_>) -> Vec<(u32, Panel)> {
    let thresholds = &scope.options.thresholds;
    let fewest = thresholds.csat_answers;
    let few = format!("fewer than {fewest} answers");
    let top = of(scope, &[], SATISFIED);
    let all = format!("({} >= {fewest})", of(scope, &[], SCALE));
    let responses = |matchers: &[String]| {
        scope.grown_part(&[], &catalogue::SURVEY_RESPONSES, Part::Value, matchers, RANGE)
    };
    let complete = responses(&[is(Label::Result, "complete")]);
    let feelings = |which: &[&str]| {
        scope.grown_part(
            &[],
            &catalogue::SURVEY_FEELING,
            Part::Value,
            &[is_one_of(Label::Feeling, which)],
            RANGE,
        )
    };
    let answered = scope.grown(&[], &catalogue::ANSWERED_CALLS, RANGE);
    vec![
        (
            7,
            stat(
                "Satisfied: answers 4 and 5",
                about(
                    &format!(
                        "Share of the answers 4 and 5 among those from 1 to 5, with its 95 % \
                              interval, without questions that were answered on another scale. Hidden below \
                              {fewest} answers."
                    ),
                    "answers 4 and 5 / answers 1 to 5; Wilson interval",
                    ANSWERS,
                ),
            )
            .ask(
                instant(
                    format!(
                        "{top} / \
                                  {all}"
                    ),
                    "satisfied",
                )
                .colored(&[(thresholds.csat, Color::Good)], Color::Watch),
            )
            .ask(instant(wilson(&top, &all, '-'), "at least"))
            .ask(instant(wilson(&top, &all, '+'), "at most"))
            .unit(Unit::Ratio)
            .named()
            .empty(&few),
        ),
        (
            5,
            stat(
                "Answers and surveys",
                about(
                    "Answers to questions on a scale from 1 to 5, and surveys of every result: what the shares beside \
                     it are of.",
                    "growth of wolkvox_survey_answers_total and of wolkvox_survey_responses_total",
                    "diagram_4 (q#, result)",
                ),
            )
            .ask(instant(of(scope, &[], SCALE), "answers"))
            .ask(instant(responses(&[]), "surveys"))
            .decimals(0)
            .named()
            .empty("no survey"),
        ),
        (
            4,
            stat(
                "Surveys completed",
                about(
                    "Surveys that were answered to the end, of those begun. A low share makes every other \
                     number here doubtful.",
                    "result complete / all results",
                    RESULT,
                ),
            )
            .ask(instant(format!("clamp_max({complete} / ({} >= {fewest}), 1)", responses(&[])), ""))
            .unit(Unit::Ratio)
            .empty(&format!("fewer than {fewest} surveys")),
        ),
        (
            4,
            stat(
                "Completed per answered call",
                about(
                    "Completed surveys for each call that an agent answered: of a hundred customers, so \
                     many were heard.",
                    "result complete / calls answered",
                    "diagram_4 (result) and skill_6 (answer_calls)",
                ),
            )
            .ask(instant(format!("{complete} / ({answered} >= {fewest})"), ""))
            .unit(Unit::Ratio)
            .empty(&format!("fewer than {fewest} calls")),
        ),
        (
            4,
            stat(
                "Positive feeling",
                about(
                    &format!(
                        "Surveys whose words were recognised as positive or very positive, of those \
                              recognised at all. Hidden below {fewest}."
                    ),
                    "(positive + very_positive) / all feelings but none",
                    "diagram_4 (feeling)",
                ),
            )
            .ask(instant(
                format!(
                    "clamp_max({} / ({} >= {fewest}), 1)",
                    feelings(&["positive", "very_positive"]),
                    feelings(&["very_negative", "negative", "neutral", "positive", "very_positive"])
                ),
                "",
            ))
            .unit(Unit::Ratio)
            .empty("too few recognised"),
        ),
    ]
}

fn recorded(scope: Scope<'_>, which: &str) -> String {
    format!("sum({})", scope.recorded(QUESTION, &counted(QUESTION, which, Window::D1), &[]))
}

fn satisfied(scope: Scope<'_>) -> Panel {
    let fewest = scope.options.thresholds.csat_answers;
    let top = recorded(scope, ANSWERS_SATISFIED);
    let all = format!("({} >= {fewest})", recorded(scope, ANSWERS_SCALED));
    graph(
        "Satisfied, over the day before",
        about(
            &format!(
                "Share of the answers 4 and 5 among those from 1 to 5 in the 24 hours before each point, \
                 with its 95 % interval, without questions that were answered on another scale. Hidden below {fewest} answers, \
                 which stand beside it."
            ),
            "answers 4 and 5 / answers 1 to 5 over 1 day; Wilson interval",
            ANSWERS,
        ),
    )
    .ask(range(format!("{top} / {all}"), "satisfied").color(Color::Good))
    .ask(range(wilson(&top, &all, '-'), "at least").dashed().color(Color::Pale))
    .ask(range(wilson(&top, &all, '+'), "at most").dashed().color(Color::Pale))
    .ask(range(format!("vector({})", scope.options.thresholds.csat), "alert").dashed().color(Color::Bad))
    .unit(Unit::Ratio)
    .empty("too few answers")
}

fn answered(scope: Scope<'_>) -> Panel {
    graph(
        "Answers over the day before",
        about(
            "Answers to questions on a scale from 1 to 5 in the 24 hours before each point, and those that were 4 \
             or 5.",
            "growth of wolkvox_survey_answers_total over 1 day",
            ANSWERS,
        ),
    )
    .ask(range(recorded(scope, ANSWERS_SCALED), "answers").color(Color::Other))
    .ask(range(recorded(scope, ANSWERS_SATISFIED), "of them 4 or 5").color(Color::Good))
    .decimals(0)
    .from_zero()
    .axis("answers a day")
    .empty("no answer")
}

fn answers(scope: Scope<'_>) -> Panel {
    let all = scope.grown(&[Label::Answer], &catalogue::SURVEY_ANSWERS, RANGE);
    bars(
        "Answers by value",
        about(
            "Answers over the time shown, by what was answered.",
            "growth of wolkvox_survey_answers_total",
            ANSWERS,
        ),
    )
    .ask(instant(format!("sort_desc({all})"), "{{answer}}"))
    .decimals(0)
    .empty("no answer")
}

fn questions(scope: Scope<'_>) -> Panel {
    let fewest = scope.options.thresholds.csat_answers;
    let (top, all) = (of(scope, QUESTION, SATISFIED), of(scope, QUESTION, SCALE));
    let enough = format!("({all} >= {fewest})");
    let score = |part| scope.grown_part(QUESTION, &catalogue::SURVEY_SCORE, part, &[], RANGE);
    table(
        "Every question",
        about(
            &format!(
                "One row a question of a skill, over the time shown; those on another scale than 1 to 5 have a mean \
                      score alone, of as many answers as *Scores* says. Shares and means are hidden below {fewest} answers."
            ),
            "answers 4 and 5 / answers 1 to 5; Wilson interval; sum of scores / scores",
            "diagram_4 (q#), and information.php skills for names",
        ),
        &[("skill_name", "Skill"), ("question", "Question"), ("skill_id", "Id"), ("operation", "Operation")],
    )
    .ask(column("Answers", scope.with_name(&all)).decimals(0))
    .ask(
        column("Satisfied", scope.with_name(&format!("{top} / {enough}")))
            .share()
            .colored(&[(scope.options.thresholds.csat, Color::Good)], Color::Watch),
    )
    .ask(column("At least", scope.with_name(&wilson(&top, &enough, '-'))).share())
    .ask(column("At most", scope.with_name(&wilson(&top, &enough, '+'))).share())
    .ask(
        column(
            "Mean score",
            scope.with_name(&format!("{} / ({} >= {fewest})", score(Part::Sum), score(Part::Count))),
        )
        .unit(Unit::Number)
        .decimals(2),
    )
    .ask(column("Scores", scope.with_name(&score(Part::Count))).decimals(0))
    .sorted("Answers", true)
    .empty("")
}

fn results(scope: Scope<'_>) -> Panel {
    let known = [("complete", Color::Good), ("incomplete", Color::Pale)];
    let of = |matcher| scope.hourly(&[Label::Result], &catalogue::SURVEY_RESPONSES, &[matcher]);
    let each = known.map(|(result, color)| range(of(is(Label::Result, result)), "{{result}}").color(color));
    let rest = of(is_none_of(Label::Result, &known.map(|(result, _)| result)));
    graph(
        "Surveys per hour, by result",
        about(
            "Surveys per hour by how they ended. A survey is counted half an hour after it by default, or \
             when its result appears.",
            "3600 × growth per second of wolkvox_survey_responses_total",
            RESULT,
        ),
    )
    .asks(each)
    .ask(range(rest, "{{result}}").color(Color::Other))
    .stacked()
    .from_zero()
    .decimals(0)
    .axis("surveys per hour")
    .empty("no survey")
}

fn feelings(scope: Scope<'_>) -> Panel {
    bars(
        "Feelings",
        about(
            "Surveys over the time shown by the feeling that was recognised in them; none: nothing was \
             recognised.",
            "growth of wolkvox_survey_feeling_total",
            "diagram_4 (feeling)",
        ),
    )
    .ask(instant(scope.grown(&[Label::Feeling], &catalogue::SURVEY_FEELING, RANGE), "{{feeling}}"))
    .decimals(0)
    .empty("no survey")
}

fn messages(scope: Scope<'_>) -> Panel {
    let count = scope.grown(&[], &catalogue::SURVEY_VOICE_MESSAGES, RANGE);
    let seconds = scope.grown(&[], &catalogue::SURVEY_VOICE_MESSAGE_SECONDS, RANGE);
    let duration = |part| scope.grown_part(&[], &catalogue::SURVEY_DURATION, part, &[], RANGE);
    stat(
        "Voice messages, and length of surveys",
        about(
            "Voice messages that customers left, their time together, and the mean time of a survey.",
            "growth of wolkvox_survey_voice_messages_total and of its seconds; seconds of surveys / \
             surveys",
            "diagram_4 (voice_message_duration, time)",
        ),
    )
    .ask(instant(count, "messages").decimals(0))
    .ask(instant(seconds, "of speech").unit(Unit::Seconds))
    .ask(
        instant(format!("{} / ({} > 0)", duration(Part::Sum), duration(Part::Count)), "a survey takes")
            .unit(Unit::Seconds)
            .decimals(0),
    )
    .named()
    .empty("no survey")
}
