//! Ledgers as every released version wrote them, in `tests/fixtures/ledgers/`, with the numbers that they must show.
//!
//! A change of the format needs another schema number, and that number another ledger in the collection:
//!
//! ```text
//! cargo test --lib ledger::tests::collection::add_the_ledger_of_today -- --ignored
//! ```
//!
//! A ledger that is in the collection is never written again: it is what people have on their disks.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::day::{self, Vendor};
use super::*;
use crate::ledger::cell::{Cells, State};
use crate::ledger::series::Part;

/// What a folder of the collection holds.
const LEDGER: &str = "ledger.redb.gz";
const KEY: &str = "ledger.key";
const NUMBERS: &str = "numbers.txt";

/// None is larger, so that the collection may grow for years.
const LARGEST: u64 = 200 * 1024;

fn collection() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ledgers")
}

fn folder(schema: u32) -> PathBuf {
    collection().join(format!("schema-{schema}"))
}

/// Everything that a ledger shows, one line each.
fn numbers(ledger: &mut Ledger, now: Timestamp) -> String {
    let mut text = String::new();
    let mut lines: Vec<String> = ledger
        .totals("acme")
        .map(|total| {
            let Total { family, labels, sealed, live, mark, hidden } = total;
            let labels = labels.as_str();
            format!(
                "{}{{{labels}}} sealed {sealed:?} live {live:?} mark {mark:?} hidden {hidden}",
                family.name
            )
        })
        .collect();
    for block in ledger.published("acme").blocks.iter() {
        let shown = block.samples.iter().map(|sample| {
            format!("shown {}{{{}}} {:?}", block.family.name, sample.labels.as_str(), sample.values)
        });
        lines.extend(shown);
    }
    for report in Report::FIVE {
        lines.push(format!("{report} {:?}", ledger.standing("acme", report, now)));
    }
    let history = ledger.history("acme").unwrap();
    lines.push(format!("booked {} of {:?}", history.booked, history.quota_day));
    for (scope, progress) in history
        .reports
        .iter()
        .map(|(report, progress)| (report.to_string(), progress))
        .chain(history.skills.iter().map(|(skill, progress)| (format!("skill {skill}"), progress)))
    {
        let sealed: Vec<String> = progress.sealed_after.iter().map(ToString::to_string).collect();
        lines.push(format!("{scope} unsealed from {} but {sealed:?}", progress.unsealed_from));
    }
    lines.sort();
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// The instant at which the ledgers of the collection were left.
fn left() -> Timestamp {
    at("2026-04-05T19:30:00")
}

/// A day until the evening: openings, sealed hours, hours that are tried, cells that are decided and that are not,
/// series that are still shown as 0.
fn make(directory: &Path) -> String {
    let vendor = Vendor::new(2);
    let (mut ledger, opened) = Ledger::open(directory, at(day::BEGINS)).unwrap();
    assert_eq!(opened, Opened::Fresh);
    ledger.enter(&day::operation_of_the_day(), at(day::BEGINS)).unwrap();
    for (number, now) in day::slots().into_iter().take_while(|now| *now < left()).enumerate() {
        ledger.book("acme", at("2026-04-05T00:00:00"), 10).unwrap();
        day::read_all(&vendor, &mut ledger, now, |ledger, reading| {
            ledger.attempted("acme", reading.report, &reading.skill, now);
            ledger.apply("acme", reading).map(drop)
        })
        .unwrap();
        if number < 12 {
            release(&mut ledger);
        }
    }
    let denominators = [(date(day::DAY), Denominator::Answered)].into();
    ledger.decide("acme", &denominators, left()).unwrap();
    ledger.flush().unwrap();
    numbers(&mut ledger, left())
}

fn date(text: &str) -> Bucket {
    Bucket::day(text.parse().unwrap())
}

/// A copy of a ledger of the collection, opened.
fn open(folder: &Path, directory: &Path) -> Ledger {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(folder.join(LEDGER)).unwrap()).read_to_end(&mut bytes).unwrap();
    fs::write(directory.join("ledger.redb"), bytes).unwrap();
    fs::copy(folder.join(KEY), directory.join("ledger.key")).unwrap();
    let (mut ledger, opened) = Ledger::open(directory, left()).unwrap();
    assert_eq!(opened, Opened::Continued, "{}", folder.display());
    ledger.enter(&day::operation_of_the_day(), left()).unwrap();
    ledger
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(collection()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn ledgers_of_every_released_format_open_and_show_their_numbers() {
    for folder in folders() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(&folder, directory.path());
        let wanted = fs::read_to_string(folder.join(NUMBERS)).unwrap();
        let found = numbers(&mut ledger, left());
        for (wanted, found) in wanted.lines().zip(found.lines()) {
            assert_eq!(wanted, found, "{}", folder.display());
        }
        assert_eq!(wanted.lines().count(), found.lines().count(), "{}", folder.display());
        assert!(ledger.totals("acme").count() > 50, "{}: hardly any series", folder.display());
        cells_hold_what_is_live(&mut ledger, &folder);
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap();
            assert!(file.metadata().unwrap().len() <= LARGEST, "{}", file.path().display());
        }
    }
}

/// The cells can be read, and add up to what is not sealed.
fn cells_hold_what_is_live(ledger: &mut Ledger, folder: &Path) {
    use redb::{ReadableDatabase as _, ReadableTable as _};
    let mut all = Vec::new();
    let (database, _) = ledger.store.ready().unwrap();
    let transaction = database.begin_read().unwrap();
    for bucket in transaction.open_table(tables::CELLS).unwrap().iter().unwrap() {
        let mut cells = Cells::decode(bucket.unwrap().1.value()).unwrap();
        all.extend(cells.drain().unwrap());
    }
    drop(transaction);
    assert!(all.len() > 20, "{}: hardly any cells", folder.display());
    let books = ledger.books.get_mut("acme").unwrap();
    for (_, cell) in all {
        for entry in cell.entries.iter().filter(|entry| entry.state != State::Pending) {
            books.series.add(entry.series, Part::Live, &entry.amount, entry.base.as_deref(), -1).unwrap();
        }
    }
    for series in books.series.iter() {
        let live = series.live();
        assert!(live.iter().all(|live| *live == 0), "{}: {series:?}", folder.display());
    }
}

#[test]
fn a_ledger_of_every_released_format_counts_on_to_the_truth() {
    let vendor = Vendor::new(2);
    for folder in folders() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(&folder, directory.path());
        for hours in 0..3 {
            let now = at(day::SETTLED) + SignedDuration::from_hours(hours);
            day::read_all(&vendor, &mut ledger, now, |ledger, reading| {
                ledger.apply("acme", reading).map(drop)
            })
            .unwrap();
        }
        let mut found = std::collections::BTreeMap::new();
        for total in ledger.totals("acme").filter(|total| total.sealed.iter().any(|sum| *sum != 0)) {
            assert!(total.live.iter().all(|live| *live == 0), "{}: {total:?}", folder.display());
            found.insert((total.family.name, total.labels.as_str().to_owned()), total.sealed);
        }
        assert_eq!(found, vendor.truth(), "{}", folder.display());
    }
}

#[test]
fn the_format_of_today_is_in_the_collection() {
    let folder = folder(tables::SCHEMA);
    assert!(
        folder.join(LEDGER).exists(),
        "schema {} is not in {}; `cargo test --lib ledger::tests::collection::add_the_ledger_of_today -- --ignored` adds it",
        tables::SCHEMA,
        collection().display()
    );
    // And it is what it says.
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder, directory.path());
    let (database, _) = ledger.store.ready().unwrap();
    let schema = tables::meta(database, tables::META_SCHEMA).unwrap().unwrap();
    assert_eq!(schema, tables::SCHEMA.to_be_bytes());
}

#[test]
#[ignore = "writes to the collection, once for each schema"]
fn add_the_ledger_of_today() {
    let folder = folder(tables::SCHEMA);
    assert!(!folder.exists(), "{} is there, and released ledgers are not written again", folder.display());
    let directory = tempfile::tempdir().unwrap();
    let numbers = make(directory.path());
    fs::create_dir_all(&folder).unwrap();
    let bytes = fs::read(directory.path().join("ledger.redb")).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes).unwrap();
    let packed = packed.finish().unwrap();
    eprintln!("{} bytes, packed {}", bytes.len(), packed.len());
    fs::write(folder.join(LEDGER), packed).unwrap();
    fs::copy(directory.path().join("ledger.key"), folder.join(KEY)).unwrap();
    fs::write(folder.join(NUMBERS), numbers).unwrap();
}
