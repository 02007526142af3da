//! `token_info`: the vendor's view of the quota.

use super::columns::{Cell, Columns, Row};
use super::decode::DecodeError;
use super::field;
use super::tally::Tally;
use crate::api::Report;

/// What the vendor says about the quota of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests allowed per quota day (`token_limit`).
    pub limit: u64,
    /// Requests of this token in the quota day (`token_use_today`).
    pub used_token: Option<u64>,
    /// Requests of all tokens of the operation in the quota day (`all_token_today`).
    pub used_all: Option<u64>,
    /// Requests left (`available_consumption_options`).
    pub available: Option<u64>,
}

impl Quota {
    /// Requests used, the larger of the token's and the operation's count.
    pub fn used(&self) -> u64 {
        self.used_token.max(self.used_all).unwrap_or_default()
    }
}

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct QuotaRow<'a> {
    limit: Cell<'a>,
    used_token: Cell<'a>,
    used_all: Cell<'a>,
    available: Cell<'a>,
}

impl<'a> Columns<'a> for QuotaRow<'a> {
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool {
        match name {
            "token_limit" => self.limit.put(value),
            "token_use_today" => self.used_token.put(value),
            "all_token_today" => self.used_all.put(value),
            "available_consumption_options" => self.available.put(value),
            _ => false,
        }
    }
}

/// The rows so far. One is documented; the first that has a limit is taken.
#[derive(Debug, Default)]
pub(super) struct QuotaRows {
    quota: Option<Quota>,
}

impl QuotaRows {
    pub(super) fn row(&mut self, row: Row<QuotaRow<'_>>, tally: &mut Tally) {
        let row = row.columns;
        let mut number = |field, cell: &Cell<'_>| {
            // Invariant: a count is never negative.
            tally.value(field, cell, field::count).and_then(|number| u64::try_from(number).ok())
        };
        let limit = number("token_limit", &row.limit);
        let used_token = number("token_use_today", &row.used_token);
        let used_all = number("all_token_today", &row.used_all);
        let available = number("available_consumption_options", &row.available);
        if let (None, Some(limit)) = (self.quota, limit) {
            self.quota = Some(Quota { limit, used_token, used_all, available });
        }
    }

    pub(super) fn finish(self) -> Result<Quota, DecodeError> {
        self.quota.ok_or(DecodeError::Unusable { report: Report::TokenInfo, field: "token_limit" })
    }
}
