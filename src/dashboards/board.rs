//! Which boards there are: their addresses, the question of each, and the variables it has.

use crate::metrics::Label;

/// A board in Grafana, which answers one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Board {
    /// Are we answering people right now?
    Overview,
    /// The same from five metres away.
    Wallboard,
    /// Is this skill answering?
    Skill,
    /// Do we keep what we promised?
    Levels,
    /// Is self-service working?
    Ivr,
    /// Do we call back?
    Callbacks,
    /// What does it cost?
    Cost,
    /// What do customers say?
    Customers,
    /// Can the numbers be trusted?
    Exporter,
}

impl Board {
    /// Every board, in the order of the documentation.
    pub const ALL: [Board; 9] = [
        Board::Overview,
        Board::Wallboard,
        Board::Skill,
        Board::Levels,
        Board::Ivr,
        Board::Callbacks,
        Board::Cost,
        Board::Customers,
        Board::Exporter,
    ];

    /// The identifier in Grafana's addresses. It never changes.
    pub const fn uid(self) -> &'static str {
        match self {
            Board::Overview => "wolkvox-overview",
            Board::Wallboard => "wolkvox-wallboard",
            Board::Skill => "wolkvox-skill",
            Board::Levels => "wolkvox-slo",
            Board::Ivr => "wolkvox-ivr",
            Board::Callbacks => "wolkvox-callbacks",
            Board::Cost => "wolkvox-cost",
            Board::Customers => "wolkvox-customers",
            Board::Exporter => "wolkvox-exporter",
        }
    }

    /// The file it is delivered in, below the chosen folder.
    pub const fn path(self) -> &'static str {
        match self {
            Board::Overview => "grafana/wolkvox-overview.json",
            Board::Wallboard => "grafana/wolkvox-wallboard.json",
            Board::Skill => "grafana/wolkvox-skill.json",
            Board::Levels => "grafana/wolkvox-slo.json",
            Board::Ivr => "grafana/wolkvox-ivr.json",
            Board::Callbacks => "grafana/wolkvox-callbacks.json",
            Board::Cost => "grafana/wolkvox-cost.json",
            Board::Customers => "grafana/wolkvox-customers.json",
            Board::Exporter => "grafana/wolkvox-exporter.json",
        }
    }

    /// What stands above it.
    pub const fn title(self) -> &'static str {
        match self {
            Board::Overview => "Wolkvox / Overview",
            Board::Wallboard => "Wolkvox / Wallboard",
            Board::Skill => "Wolkvox / Skill and DNIS",
            Board::Levels => "Wolkvox / SLO and budget",
            Board::Ivr => "Wolkvox / IVR",
            Board::Callbacks => "Wolkvox / Callbacks",
            Board::Cost => "Wolkvox / Cost and call detail",
            Board::Customers => "Wolkvox / Voice of customer",
            Board::Exporter => "Wolkvox / Exporter health",
        }
    }

    /// The question that it answers, and for whom.
    pub const fn question(self) -> &'static str {
        match self {
            Board::Overview => "For supervisors: are we answering people right now, and which skill is not?",
            Board::Wallboard => "For the wall: are we answering people right now? Open it with ?kiosk.",
            Board::Skill => {
                "For supervisors: what is wrong with this skill, and which of its lines costs most?"
            }
            Board::Levels => {
                "For planners: do we keep the targets, and how many missed calls may we still afford?"
            }
            Board::Ivr => "For planners: is self-service working, and has its use changed?",
            Board::Callbacks => "For supervisors: do we call back those we promised to, and soon enough?",
            Board::Cost => "For those who pay: what do connected calls cost, and where does it go?",
            Board::Customers => "For quality: what do customers say, and do enough of them say it?",
            Board::Exporter => "For operators: can the numbers be trusted, and what is the exporter doing?",
        }
    }

    /// Its variables that are named like labels. Alerts and other boards set them in its address.
    pub const fn variables(self) -> &'static [Label] {
        match self {
            Board::Overview | Board::Wallboard | Board::Levels => {
                &[Label::Operation, Label::SkillId, Label::Within]
            }
            Board::Skill => &[Label::Operation, Label::SkillId, Label::Dnis, Label::Within],
            Board::Ivr => &[Label::Operation],
            Board::Callbacks | Board::Cost => &[Label::Operation, Label::SkillId],
            Board::Customers => &[Label::Operation, Label::SkillId, Label::Question],
            Board::Exporter => &[Label::Operation, Label::Report],
        }
    }

    /// Its address, with the labels of an alert as variables.
    pub fn url(self, grafana: &str, labels: &[Label]) -> String {
        let mut url = format!("{grafana}/d/{}", self.uid());
        let known = labels.iter().filter(|label| self.variables().contains(label));
        for (at, label) in known.enumerate() {
            let mark = if at == 0 { '?' } else { '&' };
            url.push_str(&format!("{mark}var-{0}={{{{ $labels.{0} | urlquery }}}}", label.as_str()));
        }
        url
    }
}
