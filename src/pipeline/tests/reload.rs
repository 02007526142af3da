//! A reload is taken whole or not at all, whatever the disk does meanwhile.

use super::*;
use crate::ledger::tests::disk::Disk;

/// Reads of events only, one after the other.
const OFTEN: &str = "    skills: all\n    reports: { skill_6: off, diagram_1_2: off, diagram_3: off, diagram_4: off, \
                     cdr_1: { interval: 2s } }\n";

/// Two operations at work on a disk, which have been read.
async fn at_work(vendor: &Vendor) -> (Disk, Bench, [String; 2]) {
    let disk = Disk::default();
    let ledger = {
        let disk = disk.clone();
        Ledger::with_backend(move || disk.clone(), [7; 32]).unwrap()
    };
    let both = ["A", "B"].map(|name| operation(name, vendor.port, OFTEN));
    let bench = Bench::with(&both, ledger).await;
    for name in ["A", "B"] {
        bench.until("it is read", |bench| bench.up(name, Report::Cdr1) == Some(true)).await;
    }
    (disk, bench, both)
}

async fn quiet() -> Vendor {
    Vendor::new(|asked| if asked["api"] == "token_info" { token_info() } else { nothing() }).await
}

/// The operations on the board, as configured.
fn shown(bench: &Bench) -> Vec<Operation> {
    bench.board.look_at_all(|face| (*face.operation).clone())
}

/// Every operation is read once more.
async fn all_are_read(bench: &Bench, vendor: &Vendor) {
    for face in shown(bench) {
        let letter = face.name.clone();
        let reads = |bench: &Bench| bench.one(&letter, &catalogue::REPORT_READS, "report=\"cdr_1\"");
        let before = reads(bench);
        bench.until("it is read on", |bench| reads(bench) > before + 1).await;
        bench.until("it is well", |bench| bench.up(&letter, Report::Cdr1) == Some(true)).await;
    }
    assert!(!vendor.asked("cdr_1").is_empty());
}

/// `A` changes so that the ledger has something to write, `B` goes, `C` comes.
fn another(vendor: &Vendor) -> Config {
    let more = OFTEN.replace(", diagram_4: off", "");
    config(&[operation("A", vendor.port, &more), operation("C", vendor.port, OFTEN)])
}

#[tokio::test]
async fn a_reload_on_a_disk_that_refuses_changes_nothing_and_everything_is_read_on() {
    let vendor = quiet().await;
    let (disk, mut bench, both) = at_work(&vendor).await;
    let before = shown(&bench);
    assert_eq!(before, config(&both).operations);
    disk.fail(0, u64::MAX);
    bench.pipeline.reload(&another(&vendor)).await.unwrap_err();
    assert_eq!(shown(&bench), before);
    // It stays so for as long as the disk does.
    bench.pass(20).await;
    assert_eq!(shown(&bench), before);
    disk.fail(0, 0);
    all_are_read(&bench, &vendor).await;
    assert_eq!(vendor.asked("diagram_4").len(), 0, "the new configuration is at work");
    bench.pipeline.reload(&another(&vendor)).await.unwrap();
    assert_eq!(shown(&bench), another(&vendor).operations);
    all_are_read(&bench, &vendor).await;
    bench.until("what is new is read", |_| !vendor.asked("diagram_4").is_empty()).await;
    bench.pipeline.end().await;
}

#[tokio::test]
async fn a_reload_is_taken_whole_or_not_at_all_whatever_storage_operation_fails() {
    let vendor = quiet().await;
    let (mut taken, mut refused) = (0, 0);
    for first in 0..16 {
        let (disk, mut bench, both) = at_work(&vendor).await;
        disk.fail(first, 3);
        let after = match bench.pipeline.reload(&another(&vendor)).await {
            Ok(()) => {
                taken += 1;
                another(&vendor)
            }
            Err(_) => {
                refused += 1;
                config(&both)
            }
        };
        assert_eq!(shown(&bench), after.operations, "failure at {first}");
        all_are_read(&bench, &vendor).await;
        assert_eq!(shown(&bench), after.operations, "failure at {first}");
        bench.pipeline.end().await;
    }
    assert!(refused > 2, "{refused} refused, {taken} taken");
}

/// A write that failed may have reached the disk all the same, and say there that a report has left.
#[tokio::test]
async fn a_reload_that_was_refused_costs_no_calls_however_long_the_disk_refuses() {
    let late = |hour: u32| format!(r#"{{"date":"2026-04-04 {hour}:30:00","conn_id":"1.{hour}.1"}}"#);
    let mut written = 0;
    for first in 0..16 {
        let has_passed = Arc::new(Mutex::new(false));
        let vendor = Vendor::new({
            let has_passed = Arc::clone(&has_passed);
            move |asked| match asked["api"].as_str() {
                "cdr_1" if *has_passed.lock().unwrap() => rows(&[13, 15, 18].map(late)),
                "token_info" => token_info(),
                _ => nothing(),
            }
        })
        .await;
        let (disk, mut bench, _) = at_work(&vendor).await;
        disk.fail(first, u64::MAX);
        let off = OFTEN.replace("cdr_1: { interval: 2s }", "cdr_1: off").replace(", diagram_4: off", "");
        let without = ["A", "B"].map(|name| operation(name, vendor.port, &off));
        if bench.pipeline.reload(&config(&without)).await.is_ok() {
            bench.pipeline.end().await;
            break;
        }
        written += 1;
        bench.clock.advance_to("2026-04-04T20:00:00Z".parse().unwrap());
        *has_passed.lock().unwrap() = true;
        disk.fail(0, 0);
        all_are_read(&bench, &vendor).await;
        let counted = bench.pipeline.surroundings.store.with(|ledger| {
            let calls = ledger.totals("A").filter(|total| total.family.is(&catalogue::CDR_CALLS));
            calls.map(|total| total.mark[0]).sum::<i64>()
        });
        assert_eq!(counted.await, 3, "failure at {first}");
        bench.pipeline.end().await;
    }
    assert!(written > 2, "{written}");
}
