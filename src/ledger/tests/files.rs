//! The file and its key: missing, damaged, in use, of another version.

use std::fs;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::disk::Disk;
use super::power::content;
use super::*;
use crate::ledger::file::{Store, tell_damage};

const NOW: &str = "2026-04-05T10:00:00";

fn fill(directory: &Path) -> Vec<Total> {
    let (mut ledger, opened) = Ledger::open(directory, at(NOW)).unwrap();
    assert_eq!(opened, Opened::Fresh);
    ledger.enter(&operation(), at("2026-04-04T00:00:00")).unwrap();
    ledger.apply("acme", &day(NOW, "2026-04-05", &[("601", 10)])).unwrap();
    ledger.totals("acme").collect()
}

fn expect_set_aside(directory: &Path, why: &str) {
    let (mut ledger, opened) = Ledger::open(directory, at(NOW)).unwrap();
    let Opened::SetAside { reason, moved_to } = opened else { panic!("{why}: {opened:?}") };
    assert!(moved_to.exists() && !reason.is_empty(), "{why}");
    // The new ledger starts as now, whatever is configured.
    let mut operation = operation();
    operation.count_from = CountFrom::Date(civil::date(2026, 1, 1));
    ledger.enter(&operation, at(NOW)).unwrap();
    assert_eq!(ledger.totals("acme").count(), 0, "{why}");
    assert!(!ledger.standing("acme", Report::Cdr1, at(NOW)).hidden_until_caught_up, "{why}");
    drop(ledger);
    let (_, opened) = Ledger::open(directory, at(NOW)).unwrap();
    assert_eq!(opened, Opened::Continued, "{why}");
}

#[test]
fn a_ledger_continues_where_it_ended_and_is_for_its_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let before = fill(&path);
    let (ledger, opened) = Ledger::open(&path, at(NOW)).unwrap();
    assert_eq!(opened, Opened::Continued);
    assert_eq!(ledger.totals("acme").collect::<Vec<_>>(), before);
    assert!(ledger.file_bytes() > 0);
    #[cfg(unix)]
    for (name, wanted) in [("", 0o700), ("ledger.redb", 0o600), ("ledger.key", 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, wanted, "{name}");
    }
}

#[test]
fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (_ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    assert!(matches!(Ledger::open(directory.path(), at(NOW)), Err(LedgerError::Busy { .. })));
    // Not even a lost key makes it touch a ledger that is in use.
    fs::remove_file(directory.path().join("ledger.key")).unwrap();
    assert!(matches!(Ledger::open(directory.path(), at(NOW)), Err(LedgerError::Busy { .. })));
}

#[test]
fn a_damaged_file_is_set_aside() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 9] = [
        ("not a ledger", |path| fs::write(path.join("ledger.redb"), "hello").unwrap()),
        ("cut", |path| {
            let bytes = fs::read(path.join("ledger.redb")).unwrap();
            fs::write(path.join("ledger.redb"), &bytes[..bytes.len() / 3]).unwrap();
        }),
        ("overwritten", |path| {
            let mut bytes = fs::read(path.join("ledger.redb")).unwrap();
            let length = bytes.len();
            bytes[64..length].fill(0xa5);
            fs::write(path.join("ledger.redb"), bytes).unwrap();
        }),
        ("key missing", |path| fs::remove_file(path.join("ledger.key")).unwrap()),
        ("key different", |path| fs::write(path.join("ledger.key"), [1; 32]).unwrap()),
        ("key cut", |path| fs::write(path.join("ledger.key"), [1; 31]).unwrap()),
        ("key a directory", |path| {
            fs::remove_file(path.join("ledger.key")).unwrap();
            fs::create_dir(path.join("ledger.key")).unwrap();
        }),
        // A ledger is created under another name and appears whole, so an empty one has lost what it held.
        ("empty", |path| fs::write(path.join("ledger.redb"), "").unwrap()),
        ("a directory", |path| {
            fs::remove_file(path.join("ledger.redb")).unwrap();
            fs::create_dir(path.join("ledger.redb")).unwrap();
        }),
    ];
    for (why, damage) in damages {
        let directory = tempfile::tempdir().unwrap();
        fill(directory.path());
        damage(directory.path());
        expect_set_aside(directory.path(), why);
    }
}

#[test]
fn a_ledger_that_is_gone_is_told_and_counts_from_now() {
    type Loss = fn(&Path);
    let losses: [(&str, Loss); 3] = [
        ("the file", |path| fs::remove_file(path.join("ledger.redb")).unwrap()),
        ("the file, and a part of the key", |path| {
            fs::remove_file(path.join("ledger.redb")).unwrap();
            fs::write(path.join("ledger.key"), [1; 31]).unwrap();
        }),
        // What the store makes of a file that it creates.
        ("all that was in it", |path| {
            fs::remove_file(path.join("ledger.redb")).unwrap();
            drop(redb::Database::create(path.join("ledger.redb")).unwrap());
        }),
    ];
    for (what, lose) in losses {
        let directory = tempfile::tempdir().unwrap();
        fill(directory.path());
        lose(directory.path());
        let (mut ledger, opened) = Ledger::open(directory.path(), at(NOW)).unwrap();
        let reason = match &opened {
            Opened::Lost { reason } | Opened::SetAside { reason, .. } => reason,
            Opened::Fresh | Opened::Continued => panic!("{what}: {opened:?}"),
        };
        assert!(!reason.is_empty(), "{what}");
        // As after damage, the new ledger starts as now.
        let mut operation = operation();
        operation.count_from = CountFrom::Date(civil::date(2026, 1, 1));
        ledger.enter(&operation, at(NOW)).unwrap();
        assert!(!ledger.standing("acme", Report::Cdr1, at(NOW)).hidden_until_caught_up, "{what}");
        drop(ledger);
        assert_eq!(Ledger::open(directory.path(), at(NOW)).unwrap().1, Opened::Continued, "{what}");
    }
}

/// A full disk takes new names, but no new key.
#[test]
fn a_ledger_without_its_key_stays_known_as_lost_when_no_new_key_can_be_written() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let draft = directory.path().join("ledger.key.new");
    fs::remove_file(directory.path().join("ledger.key")).unwrap();
    fs::create_dir(&draft).unwrap();
    assert!(matches!(Ledger::open(directory.path(), at(NOW)), Err(LedgerError::Io { .. })));
    fs::remove_dir(&draft).unwrap();
    expect_set_aside(directory.path(), "the second start");
}

#[test]
fn numbers_that_a_full_disk_kept_in_the_file_leave_it_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    ledger.enter(&operation(), at("2026-04-04T00:00:00")).unwrap();
    let callers: Vec<String> = (0..60).map(|caller| format!("57300{:07}", caller * 7_919)).collect();
    let rows = |calls| callers.iter().map(|caller| (caller.as_str(), calls)).collect::<Vec<_>>();
    ledger.apply("acme", &day(NOW, "2026-04-05", &rows(10))).unwrap();
    let shown = |ledger: &mut Ledger| {
        // What has been closed is whole on the disk.
        ledger.store.fail();
        let bytes = fs::read(directory.path().join("ledger.redb")).unwrap();
        callers.iter().any(|caller| bytes.windows(caller.len()).any(|known| known == caller.as_bytes()))
    };
    assert!(shown(&mut ledger), "they were let in");
    let draft = directory.path().join("ledger.redb.new");
    fs::create_dir(&draft).unwrap();
    let withdrawn = ledger.apply("acme", &day("2026-04-05T10:05:00", "2026-04-05", &rows(1))).unwrap();
    assert!(matches!(withdrawn.notes[..], [Note::CallersNumbers { .. }]), "{:?}", withdrawn.notes);
    assert!(ledger.rewrite().is_err());
    assert!(shown(&mut ledger));
    fs::remove_dir(&draft).unwrap();
    ledger.rewrite().unwrap();
    assert!(!shown(&mut ledger));
    let before: Vec<Total> = ledger.totals("acme").collect();
    ledger.tick("acme", at("2026-04-05T10:10:00")).unwrap();
    assert_eq!(ledger.totals("acme").collect::<Vec<_>>(), before);
}

#[test]
fn a_file_that_vanishes_under_the_program_is_never_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let file = directory.path().join("ledger.redb");
    let (mut ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    ledger.enter(&operation(), at(NOW)).unwrap();
    let before: Vec<Total> = ledger.totals("acme").collect();
    fs::rename(&file, directory.path().join("elsewhere")).unwrap();
    ledger.store.fail();
    let reading = day("2026-04-05T10:05:00", "2026-04-05", &[("601", 12)]);
    let error = ledger.apply("acme", &reading).unwrap_err();
    assert!(error.is_of_storage() && error.to_string().contains("ledger.redb"), "{error}");
    assert!(!file.exists(), "an empty ledger took its place");
    assert_eq!(ledger.totals("acme").collect::<Vec<_>>(), before, "what is known is shown on");
    // Put back, it goes on.
    fs::rename(directory.path().join("elsewhere"), &file).unwrap();
    ledger.apply("acme", &reading).unwrap();
    assert_eq!(sums(&ledger, &catalogue::INBOUND_CALLS).2, 12);
}

#[test]
fn a_first_start_that_is_cut_short_anywhere_is_a_first_start_again() {
    // What may lie there when the first start ends too early, in the order in which it appears.
    let whole = tempfile::tempdir().unwrap();
    drop(Ledger::open(whole.path(), at(NOW)).unwrap());
    let of = |name: &str| whole.path().join(name);
    let stages: [&[(&str, &str)]; 4] = [
        &[("ledger.key", "ledger.key.new")],
        &[("ledger.key", "ledger.key.new"), ("ledger.redb", "ledger.redb.new")],
        &[("ledger.key", "ledger.key.new"), ("ledger.redb", "ledger.redb")],
        &[("ledger.key", "ledger.key"), ("ledger.redb", "ledger.redb")],
    ];
    for stage in stages {
        let directory = tempfile::tempdir().unwrap();
        for (from, to) in stage {
            fs::copy(of(from), directory.path().join(to)).unwrap();
        }
        let (_, opened) = Ledger::open(directory.path(), at(NOW)).unwrap();
        assert!(matches!(opened, Opened::Fresh | Opened::Continued), "{stage:?}: {opened:?}");
    }
}

#[test]
fn a_bit_that_has_flipped_is_noticed_or_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let (file, key) = (directory.path().join("ledger.redb"), directory.path().join("ledger.key"));
    let whole = fs::read(&file).unwrap();
    let key = fs::read(key).unwrap();
    let (mut ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    let written = content(&mut ledger);
    drop(ledger);
    // Most of the file is free space; bytes that are not 0 are bytes that say something.
    let used: Vec<usize> = (0..whole.len()).filter(|place| whole[*place] != 0).collect();
    let mut dice = ChaCha8Rng::seed_from_u64(5);
    let (mut noticed, mut harmless) = (0, 0);
    for _ in 0..120 {
        let place = used[dice.random_range(0..used.len())];
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << dice.random_range(0..8);
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ledger.redb"), bytes).unwrap();
        fs::write(directory.path().join("ledger.key"), &key).unwrap();
        match Ledger::open(directory.path(), at(NOW)).unwrap() {
            (_, Opened::SetAside { .. }) => noticed += 1,
            (mut ledger, Opened::Continued) => {
                assert!(content(&mut ledger) == written, "byte {place}: a number has changed");
                harmless += 1;
            }
            (_, opened) => panic!("byte {place}: the ledger was forgotten: {opened:?}"),
        }
    }
    eprintln!("flipped bits: {noticed} noticed, {harmless} without a meaning");
    assert!(noticed > 8, "{noticed} noticed, {harmless} harmless");
}

#[test]
fn a_disk_that_cannot_be_read_is_not_a_damaged_ledger() {
    let disk = Disk::default();
    let open = |disk: &Disk| {
        let disk = disk.clone();
        tell_damage(|| Store::with_backend(move || disk.clone(), [3; 32]))
    };
    let mut ledger = Ledger::from(open(&disk).unwrap());
    ledger.enter(&operation(), at(NOW)).unwrap();
    ledger.apply("acme", &day(NOW, "2026-04-05", &[("601", 10)])).unwrap();
    let totals: Vec<Total> = ledger.totals("acme").collect();
    drop(ledger);
    let before = disk.operations();
    drop(open(&disk).unwrap());
    let operations = disk.operations() - before;
    let mut refused = 0;
    for first in 0..operations {
        disk.fail(first, u64::MAX);
        match open(&disk) {
            Ok(_) => {}
            Err(LedgerError::Disk { .. } | LedgerError::Io { .. }) => refused += 1,
            Err(error) => panic!("operation {first}: {error:?}"),
        }
        disk.fail(0, 0);
    }
    assert!(refused > 10, "{refused} of {operations}");
    let ledger = Ledger::from(open(&disk).unwrap());
    assert_eq!(ledger.totals("acme").collect::<Vec<_>>(), totals);
}

#[test]
fn a_file_of_a_later_version_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let path = directory.path().join("ledger.redb");
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let later = (tables::SCHEMA + 1).to_be_bytes();
    transaction.open_table(tables::META).unwrap().insert(tables::META_SCHEMA, later.as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let refusal = Ledger::open(directory.path(), at(NOW)).unwrap_err();
    assert!(matches!(refusal, LedgerError::Newer { .. }));
    let words = refusal.to_string();
    let said = [
        path.to_str().unwrap(),
        &format!("schema {}", tables::SCHEMA + 1),
        &format!("up to {}", tables::SCHEMA),
    ]
    .map(|part| words.contains(part));
    assert_eq!(said, [true; 3], "{words}");
    assert!(path.exists());
}

#[test]
fn a_restart_before_the_release_holds_again() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let (mut ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    ledger.enter(&operation(), at(NOW)).unwrap();
    let inbound = &catalogue::INBOUND_CALLS;
    let hold = Duration::from_secs(120);
    assert_eq!(shown(&mut ledger, inbound, "601"), Some(0));
    let generation = ledger.published("acme").generation;
    assert!(!ledger.release("acme", generation, Duration::from_secs(5), hold).unwrap());
    assert!(!ledger.release("acme", generation, Duration::from_secs(124), hold).unwrap());
    assert!(ledger.release("acme", generation, Duration::from_secs(125), hold).unwrap());
    assert_eq!(shown(&mut ledger, inbound, "601"), Some(10));
    drop(ledger);
    let (mut ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    ledger.enter(&operation(), at(NOW)).unwrap();
    assert_eq!(shown(&mut ledger, inbound, "601"), Some(10), "once released, always released");
}

#[test]
fn timestamps_survive_a_restart_at_most_five_minutes_old() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let (mut ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    ledger.enter(&operation(), at(NOW)).unwrap();
    ledger.attempted("acme", Report::Skill6, "101", at("2026-04-05T10:05:00"));
    assert!(ledger.tick("acme", at("2026-04-05T10:05:00")).unwrap().committed);
    ledger.attempted("acme", Report::Skill6, "101", at("2026-04-05T10:06:00"));
    assert!(!ledger.tick("acme", at("2026-04-05T10:06:00")).unwrap().committed);
    ledger.flush().unwrap();
    drop(ledger);
    let (mut ledger, _) = Ledger::open(directory.path(), at(NOW)).unwrap();
    ledger.enter(&operation(), at(NOW)).unwrap();
    let standing = ledger.standing("acme", Report::Skill6, at(NOW));
    assert_eq!(standing.last_attempt, Some(at("2026-04-05T10:06:00")));
    assert_eq!(standing.last_success, Some(at(NOW)));
}

#[test]
fn a_ledger_can_be_owned_by_another_thread() {
    fn is_send<T: Send + 'static>() {}
    is_send::<Ledger>();
}
