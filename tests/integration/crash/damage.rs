//! A damaged ledger is named, set aside and reported, and counting begins anew; one of a later version, or on a disk that
//! cannot be read, is left alone.

use std::fs;
use std::path::{Path, PathBuf};

use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::super::disk::{Disk, Mood};
use super::super::program::{Api, Program, Samples, configured, days_ago, get, serve, simulate};
use super::{is_counting, keys};

/// A folder whose ledger has counted yesterday and today.
fn counted(api: &Api) -> TempDir {
    let folder = configured(&api.base_url, &api.token, &keys(&days_ago(1)));
    let mut program = serve(folder.path());
    let address = program.address();
    let samples = program.metrics(&address, "all counters", |samples| is_counting(samples, "acme"));
    assert!(samples.sum("wolkvox_cdr_calls_total") > 100.0);
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
    folder
}

fn all_up(program: &mut Program, address: &str) -> Samples {
    program.metrics(address, "a whole cycle", |samples| samples.is_up("acme"))
}

/// A copy of a folder, so that each damage has its own.
fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("data")).unwrap();
    for name in ["wolkvox.yml", "token", "data/ledger.redb", "data/ledger.key"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

/// What lies in the storage folder under a name that begins so.
fn set_aside(folder: &Path, name: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder.join("data")).unwrap().map(|entry| entry.unwrap().path());
    let is_so =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{name}.damaged-"));
    all.filter(is_so).collect()
}

type Damage = fn(&Path, &Path);

const DAMAGES: [(&str, Damage); 7] = [
    ("a bit of a page has flipped", |ledger, _| {
        // The pages in use hold text in clear, and the name of a table is in one of them.
        let mut bytes = fs::read(ledger).unwrap();
        let places: Vec<usize> =
            (0..bytes.len() - 30).filter(|at| bytes[*at..].starts_with(b"wolkvox_cdr_calls_total")).collect();
        assert!(!places.is_empty());
        for place in places {
            bytes[place + 8] ^= 4;
        }
        fs::write(ledger, bytes).unwrap();
    }),
    ("the end is missing", |ledger, _| {
        let length = fs::metadata(ledger).unwrap().len();
        fs::File::options().write(true).open(ledger).unwrap().set_len(length / 2).unwrap();
    }),
    ("nothing is left", |ledger, _| fs::write(ledger, "").unwrap()),
    ("something else entirely", |ledger, _| {
        let mut bytes = vec![0; 100_000];
        ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut bytes);
        fs::write(ledger, bytes).unwrap();
    }),
    ("a directory in its place", |ledger, _| {
        fs::remove_file(ledger).unwrap();
        fs::create_dir(ledger).unwrap();
        fs::write(ledger.join("file"), "of somebody").unwrap();
    }),
    ("another key", |_, key| fs::write(key, [7; 32]).unwrap()),
    ("no key", |_, key| fs::remove_file(key).unwrap()),
];

#[test]
fn a_damaged_ledger_is_named_set_aside_and_reported_and_counting_begins_anew() {
    let api = simulate(&["--calls-per-day", "1000", "--traffic", "skills=2"]);
    let whole = counted(&api);
    for (what, damage) in DAMAGES {
        let folder = copy(whole.path());
        let (ledger, key) = (folder.path().join("data/ledger.redb"), folder.path().join("data/ledger.key"));
        damage(&ledger, &key);
        let damaged = fs::read(&ledger).ok();

        let mut program = serve(folder.path());
        let address = program.address();
        let samples = all_up(&mut program, &address);
        let kept = set_aside(folder.path(), "ledger.redb");
        assert_eq!(kept.len(), 1, "{what}: {kept:?}");
        // A file that the store can open is marked as opened; anything else is kept as it was found.
        if what.starts_with("nothing") || what.starts_with("something") {
            assert!(fs::read(&kept[0]).ok() == damaged, "{what}: what was found is not what is kept");
        }
        let name = kept[0].file_name().unwrap().to_str().unwrap();

        // Said in the log, as an error that names both files, on the page, and in a metric.
        let log = program.err.text();
        let line = log.lines().find(|line| line.contains("level=error")).unwrap_or_default();
        assert!(line.contains("the ledger was damaged") && line.contains(name), "{what}: {log}");
        assert_eq!(log.matches("level=error").count(), 1, "{what}: {log}");
        let (_, page) = get(&address, "/").unwrap();
        assert!(page.contains("the ledger was damaged") && page.contains(name), "{what}: {page}");
        assert_eq!(samples.value("wolkvox_exporter_ledger_errors_total"), Some(1.0), "{what}");
        // It is as ready as any: what there is to serve is served.
        assert_eq!(get(&address, "/-/ready").map(|(status, _)| status), Some(200), "{what}");

        // The counters begin with now, whatever the configuration says of the past; they never jump.
        assert!(samples.sum("wolkvox_cdr_calls_total") < 20.0, "{what}");
        assert!(samples.sum("wolkvox_inbound_calls_total") < 20.0, "{what}");
        let start = samples.value("process_start_time_seconds").unwrap();
        for report in ["skill_6", "cdr_1"] {
            let since = format!(
                "wolkvox_report_counting_since_timestamp_seconds{{operation=\"acme\",report=\"{report}\"}}"
            );
            assert!(samples.value(&since).unwrap() >= start - 1.0, "{what}: {report}");
        }
        program.terminate();
        assert_eq!(program.end().0.code(), Some(0), "{what}");

        // The next life has nothing to say of it.
        let mut program = serve(folder.path());
        let address = program.address();
        let samples = Samples::of(&get(&address, "/metrics").unwrap().1);
        assert_eq!(samples.value("wolkvox_exporter_ledger_errors_total"), Some(0.0), "{what}");
        assert!(!get(&address, "/").unwrap().1.contains("damaged"), "{what}");
        assert_eq!(set_aside(folder.path(), "ledger.redb").len(), 1, "{what}");
    }
}

#[test]
fn a_ledger_of_which_only_the_key_is_left_is_reported_and_counting_begins_anew() {
    let api = simulate(&["--calls-per-day", "1000", "--traffic", "skills=2"]);
    let folder = counted(&api);
    fs::remove_file(folder.path().join("data/ledger.redb")).unwrap();
    let mut program = serve(folder.path());
    let address = program.address();
    let samples = all_up(&mut program, &address);
    let log = program.err.text();
    let line = log.lines().find(|line| line.contains("level=error")).unwrap_or_default();
    assert!(line.contains("the ledger is lost") && line.contains("ledger.redb is missing"), "{log}");
    assert_eq!(log.matches("level=error").count(), 1, "{log}");
    assert!(get(&address, "/").unwrap().1.contains("the ledger is lost"));
    assert_eq!(samples.value("wolkvox_exporter_ledger_errors_total"), Some(1.0));
    assert!(samples.sum("wolkvox_cdr_calls_total") < 20.0);
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
    // The next life has nothing to say of it.
    let mut program = serve(folder.path());
    let address = program.address();
    let samples = Samples::of(&get(&address, "/metrics").unwrap().1);
    assert_eq!(samples.value("wolkvox_exporter_ledger_errors_total"), Some(0.0));
}

#[test]
fn a_ledger_of_a_later_version_is_refused_and_left_alone() {
    let api = simulate(&["--calls-per-day", "1000", "--traffic", "skills=2"]);
    let folder = counted(&api);
    let ledger = folder.path().join("data/ledger.redb");
    let database = redb::Database::open(&ledger).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("schema", 4_000_000_u32.to_be_bytes().as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    for _ in 0..2 {
        let (status, _, log) = serve(folder.path()).end();
        assert_eq!(status.code(), Some(1), "{log}");
        let last = log.lines().last().unwrap_or_default();
        assert!(last.starts_with("wolkvox_exporter serve: cannot open ledger "), "{log}");
        assert!(last.contains("ledger.redb: it has schema 4000000, this version knows up to "), "{log}");
        assert_eq!(set_aside(folder.path(), "ledger.redb"), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_disk_that_refuses_at_the_start_is_named_and_the_ledger_is_left_alone() {
    let api = simulate(&["--calls-per-day", "1000", "--traffic", "skills=2"]);
    let folder = counted(&api);
    let disk = Disk::of(folder.path());
    for (mood, cause) in [(Mood::ReadOnly, "Read-only file system"), (Mood::Broken, "Input/output error")] {
        disk.is(mood);
        let (status, _, log) = disk.serve(folder.path()).end();
        assert_eq!(status.code(), Some(1), "{mood:?}: {log}");
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("ledger.redb") && last.contains(cause), "{mood:?}: {log}");
        assert_eq!(set_aside(folder.path(), "ledger.redb"), Vec::<PathBuf>::new(), "{mood:?}");
    }
    // A new ledger finds no room either.
    disk.is(Mood::Full);
    let ledger = folder.path().join("data/ledger.redb");
    let kept = fs::read(&ledger).unwrap();
    fs::remove_file(&ledger).unwrap();
    let (status, _, log) = disk.serve(folder.path()).end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.lines().last().unwrap_or_default().contains("No space left on device"), "{log}");
    fs::write(&ledger, kept).unwrap();

    disk.is(Mood::Ok);
    let mut program = disk.serve(folder.path());
    let address = program.address();
    let samples = all_up(&mut program, &address);
    assert!(samples.sum("wolkvox_cdr_calls_total") > 100.0, "the counters are gone");
    assert_eq!(samples.value("wolkvox_exporter_ledger_errors_total"), Some(0.0));
}
