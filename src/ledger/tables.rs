//! The tables of the store, their keys and the schema version.

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::LedgerError;
use super::books::Books;
use super::cell::Cells;
use super::error::storage;
use super::labels::Labels;
use super::record::Record;
use super::scope::Scope;
use super::series::{Series, SeriesTable};
use crate::api::Report;

/// Version of everything below. A file with a higher one is refused, never touched.
pub(super) const SCHEMA: u32 = 1;

type Bytes = &'static [u8];
/// Operation, report (place in [`Report::ALL`]), scope, bucket.
pub(super) type BucketKey = (u32, u8, &'static str, i32);

pub(super) const META: TableDefinition<'static, &str, Bytes> = TableDefinition::new("meta");
pub(super) const OPERATIONS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("operations");
pub(super) const SCOPES: TableDefinition<'static, (u32, u8, &str), Bytes> = TableDefinition::new("scopes");
pub(super) const LABELS: TableDefinition<'static, u32, Bytes> = TableDefinition::new("labels");
pub(super) const SERIES: TableDefinition<'static, (u32, u32), Bytes> = TableDefinition::new("series");
pub(super) const CELLS: TableDefinition<'static, BucketKey, Bytes> = TableDefinition::new("cells");
pub(super) const SEALED: TableDefinition<'static, BucketKey, u64> = TableDefinition::new("sealed");

pub(super) const META_SCHEMA: &str = "schema";
pub(super) const META_KEY_CHECK: &str = "key_check";
pub(super) const META_SET_ASIDE: &str = "set_aside";
/// Pages that are free again may hold what was withdrawn, until the file has been written anew.
pub(super) const META_REWRITE: &str = "rewrite";

/// One bucket of one scope of an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) report: Report,
    pub(super) scope: Box<str>,
    pub(super) bucket: i32,
}

/// What a commit writes of buckets.
#[derive(Debug, Default)]
pub(super) struct BucketChanges {
    /// The cells of a bucket; `None` removes them.
    pub(super) cells: Vec<(Place, Option<Vec<u8>>)>,
    /// Row counts of sealed buckets.
    pub(super) sealed: Vec<(Place, u64)>,
    /// Row counts before this bucket are forgotten.
    pub(super) forget: Vec<Place>,
    /// What is overwritten must not stay in the file.
    pub(super) rewrite: bool,
}

impl BucketChanges {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.sealed.is_empty() && self.forget.is_empty() && !self.rewrite
    }
}

pub(super) fn report_number(report: Report) -> u8 {
    // Invariant: ALL holds every report.
    Report::ALL.iter().position(|known| *known == report).unwrap_or(0) as u8
}

fn report_numbered(number: u8) -> Result<Report, LedgerError> {
    Report::ALL
        .get(usize::from(number))
        .copied()
        .ok_or_else(|| LedgerError::Damaged(format!("no report has number {number}")))
}

/// Creates the tables of an empty file.
pub(super) fn create(
    database: &redb::Database,
    key_check: &[u8],
    set_aside: bool,
) -> Result<(), LedgerError> {
    let create = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert(META_SCHEMA, SCHEMA.to_be_bytes().as_slice())?;
            meta.insert(META_KEY_CHECK, key_check)?;
            if set_aside {
                meta.insert(META_SET_ASIDE, [1].as_slice())?;
            }
        }
        transaction.open_table(OPERATIONS)?;
        transaction.open_table(SCOPES)?;
        transaction.open_table(LABELS)?;
        transaction.open_table(SERIES)?;
        transaction.open_table(CELLS)?;
        transaction.open_table(SEALED)?;
        transaction.commit()?;
        Ok(())
    };
    create().map_err(storage("create"))
}

/// One entry of the table of facts about the file; `None` also when the file is empty.
pub(super) fn meta(database: &redb::Database, name: &str) -> Result<Option<Vec<u8>>, LedgerError> {
    let read = || -> Result<Option<Vec<u8>>, redb::Error> {
        let transaction = database.begin_read()?;
        let table = match transaction.open_table(META) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        Ok(table.get(name)?.map(|value| value.value().to_vec()))
    };
    read().map_err(storage("read"))
}

/// Forgets that the ledger replaced a damaged one.
pub(super) fn clear_set_aside(database: &redb::Database) -> Result<(), LedgerError> {
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(META)?.remove(META_SET_ASIDE)?;
        transaction.commit()?;
        Ok(())
    };
    write().map_err(storage("write"))
}

/// Copies what is stored, and nothing else, to an empty file.
pub(super) fn copy(from: &redb::Database, to: &redb::Database) -> Result<(), LedgerError> {
    fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        from: &redb::ReadTransaction,
        to: &redb::WriteTransaction,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), redb::Error> {
        let mut copy = to.open_table(definition)?;
        for entry in from.open_table(definition)?.iter()? {
            let (key, value) = entry?;
            copy.insert(key.value(), value.value())?;
        }
        Ok(())
    }
    let copy = || -> Result<(), redb::Error> {
        let (from, to) = (from.begin_read()?, to.begin_write()?);
        table(&from, &to, META)?;
        to.open_table(META)?.remove(META_REWRITE)?;
        table(&from, &to, OPERATIONS)?;
        table(&from, &to, SCOPES)?;
        table(&from, &to, LABELS)?;
        table(&from, &to, SERIES)?;
        table(&from, &to, CELLS)?;
        table(&from, &to, SEALED)?;
        to.commit()?;
        Ok(())
    };
    copy().map_err(storage("write"))
}

/// Reads what memory holds of every operation.
pub(super) fn load(database: &redb::Database) -> Result<Vec<(String, Books)>, LedgerError> {
    let fail = storage("read");
    let transaction = database.begin_read().map_err(|error| fail(error.into()))?;
    let open = |error: redb::TableError| fail(error.into());
    let cut = |error: redb::StorageError| fail(error.into());
    let json = |error: serde_json::Error| LedgerError::Damaged(format!("a record does not parse: {error}"));
    let operations = transaction.open_table(OPERATIONS).map_err(open)?;
    let scopes = transaction.open_table(SCOPES).map_err(open)?;
    let labels = transaction.open_table(LABELS).map_err(open)?;
    let series = transaction.open_table(SERIES).map_err(open)?;
    let cells = transaction.open_table(CELLS).map_err(open)?;
    let mut all = Vec::new();
    for operation in operations.iter().map_err(cut)? {
        let (name, record) = operation.map_err(cut)?;
        let record: Record = serde_json::from_slice(record.value()).map_err(json)?;
        let id = record.id;
        let mut books = Books::new(record);
        for scope in scopes.range((id, 0, "")..(id + 1, 0, "")).map_err(cut)? {
            let (key, scope) = scope.map_err(cut)?;
            let (_, report, name) = key.value();
            let scope: Scope = serde_json::from_slice(scope.value()).map_err(json)?;
            books.scopes.insert((report_numbered(report)?, name.into()), scope);
        }
        if let Some(known) = labels.get(id).map_err(cut)? {
            books.labels = Labels::decode(known.value())?;
        }
        let mut table = Vec::new();
        for (expected, found) in series.range((id, 0)..(id + 1, 0)).map_err(cut)?.enumerate() {
            let (key, value) = found.map_err(cut)?;
            if key.value().1 as usize != expected {
                return Err(LedgerError::Damaged(format!("series {expected} is missing")));
            }
            table.push(Series::decode(value.value())?);
        }
        books.series = SeriesTable::load(table);
        let callbacks = report_number(Report::Diagram3);
        for bucket in
            cells.range((id, callbacks, "", i32::MIN)..(id, callbacks + 1, "", i32::MIN)).map_err(cut)?
        {
            let (key, value) = bucket.map_err(cut)?;
            books.waiting.note(key.value().3, &Cells::decode(value.value())?)?;
        }
        all.push((name.value().to_owned(), books));
    }
    Ok(all)
}

/// The cells of a bucket, empty when there are none.
pub(super) fn read_cells(
    transaction: &redb::ReadTransaction,
    operation: u32,
    place: &Place,
) -> Result<Option<Cells>, LedgerError> {
    let read = || -> Result<_, redb::Error> {
        let table = transaction.open_table(CELLS)?;
        Ok(table.get((operation, report_number(place.report), &*place.scope, place.bucket))?)
    };
    let found = read().map_err(storage("read"))?;
    found.map(|value| Cells::decode(value.value())).transpose()
}

/// The row count of a sealed bucket, while it is remembered.
pub(super) fn read_sealed(
    transaction: &redb::ReadTransaction,
    operation: u32,
    place: &Place,
) -> Result<Option<u64>, LedgerError> {
    let read = || -> Result<_, redb::Error> {
        let table = transaction.open_table(SEALED)?;
        let found = table.get((operation, report_number(place.report), &*place.scope, place.bucket))?;
        Ok(found.map(|value| value.value()))
    };
    read().map_err(storage("read"))
}

/// The buckets of a report that have cells.
pub(super) fn buckets_with_cells(
    transaction: &redb::ReadTransaction,
    operation: u32,
    report: Report,
) -> Result<Vec<Place>, LedgerError> {
    let number = report_number(report);
    let read = || -> Result<Vec<Place>, redb::Error> {
        let table = transaction.open_table(CELLS)?;
        let mut places = Vec::new();
        for found in table.range((operation, number, "", i32::MIN)..(operation, number + 1, "", i32::MIN))? {
            let (key, _) = found?;
            let (_, _, scope, bucket) = key.value();
            places.push(Place { report, scope: scope.into(), bucket });
        }
        Ok(places)
    };
    read().map_err(storage("read"))
}

/// Writes everything that changed, in one durable transaction.
pub(super) fn commit(
    database: &redb::Database,
    name: &str,
    books: &Books,
    changes: &BucketChanges,
) -> Result<(), LedgerError> {
    commit_all(database, &[(name, books, changes)])
}

/// Writes everything that changed in several books, in one durable transaction: all of it or nothing.
pub(super) fn commit_all(
    database: &redb::Database,
    changed: &[(&str, &Books, &BucketChanges)],
) -> Result<(), LedgerError> {
    let written = changed
        .iter()
        .map(|(name, books, changes)| Written::of(name, books, changes))
        .collect::<Result<Vec<_>, LedgerError>>()?;
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        for written in &written {
            written.write(&transaction)?;
        }
        transaction.commit()?;
        Ok(())
    };
    write().map_err(storage("write"))
}

/// What changed in one operation's books, as it is stored.
struct Written<'a> {
    name: &'a str,
    books: &'a Books,
    changes: &'a BucketChanges,
    record: Vec<u8>,
    scopes: Vec<(u8, &'a str, Vec<u8>)>,
}

impl<'a> Written<'a> {
    fn of(name: &'a str, books: &'a Books, changes: &'a BucketChanges) -> Result<Written<'a>, LedgerError> {
        let json = |value: serde_json::Result<Vec<u8>>| {
            // Invariant: records hold only strings, integers, lists and maps with text or integer keys.
            value.map_err(|error| LedgerError::Damaged(format!("a record cannot be written: {error}")))
        };
        let record = json(serde_json::to_vec(&books.record))?;
        let scopes = books
            .changed_scopes()
            .map(|(report, scope, state)| {
                Ok((report_number(report), scope, json(serde_json::to_vec(state))?))
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        Ok(Written { name, books, changes, record, scopes })
    }

    fn write(&self, transaction: &redb::WriteTransaction) -> Result<(), redb::Error> {
        let Written { name, books, changes, record, scopes } = self;
        let id = books.record.id;
        if changes.rewrite {
            transaction.open_table(META)?.insert(META_REWRITE, [1].as_slice())?;
        }
        if books.is_record_changed() {
            transaction.open_table(OPERATIONS)?.insert(*name, record.as_slice())?;
        }
        if !scopes.is_empty() {
            let mut table = transaction.open_table(SCOPES)?;
            for (report, scope, state) in scopes {
                table.insert((id, *report, *scope), state.as_slice())?;
            }
        }
        if books.are_labels_changed() {
            transaction.open_table(LABELS)?.insert(id, books.labels.encode().as_slice())?;
        }
        if books.series.is_changed() {
            let mut table = transaction.open_table(SERIES)?;
            for (number, series) in books.series.changed() {
                table.insert((id, number), series.encode().as_slice())?;
            }
        }
        if !changes.cells.is_empty() {
            let mut table = transaction.open_table(CELLS)?;
            for (place, cells) in &changes.cells {
                let key = (id, report_number(place.report), &*place.scope, place.bucket);
                match cells {
                    Some(cells) => drop(table.insert(key, cells.as_slice())?),
                    None => drop(table.remove(key)?),
                }
            }
        }
        if !changes.sealed.is_empty() || !changes.forget.is_empty() {
            let mut table = transaction.open_table(SEALED)?;
            for (place, rows) in &changes.sealed {
                table.insert((id, report_number(place.report), &*place.scope, place.bucket), *rows)?;
            }
            for place in &changes.forget {
                let number = report_number(place.report);
                let range = (id, number, &*place.scope, i32::MIN)..(id, number, &*place.scope, place.bucket);
                table.retain_in(range, |_, _| false)?;
            }
        }
        Ok(())
    }
}
