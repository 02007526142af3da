//! A disk that is full, read-only or broken for a while: it is said loudly, what is known is served on, nothing is asked
//! that could not be counted, and when the disk is well again everything is counted once.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use wolkvox_exporter::api::Grain;
use wolkvox_exporter::time::Clock;

use super::super::disk::{Disk, Mood};
use super::super::program::{Api, Program, Samples, ZONE, configured, get, serve, simulate};
use super::super::prometheus::expected::Amounts;
use super::{Highest, afternoon, counted, judged_by_a_fresh_reading, keys};

/// A busy centre in which nothing is withdrawn, in a zone in which no midnight is near.
fn centre() -> Api {
    let zone = afternoon();
    let busy = ["--calls-per-day", "3000", "--traffic", "skills=2,withdrawn_share=0"];
    simulate(&[&["--timezone", zone.name()], &busy[..]].concat())
}

/// A folder whose exporter counts from the midnight of the centre.
fn counting(api: &Api) -> TempDir {
    let zone = afternoon();
    let today = zone.bucket(Clock::real().now(), Grain::Day).to_string();
    let folder = configured(&api.base_url, &api.token, &keys(&today));
    let file = folder.path().join("wolkvox.yml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(file, config.replace(ZONE, zone.name())).unwrap();
    folder
}

/// The counters once everything has been read after now.
fn all_read(program: &mut Program, address: &str) -> Amounts {
    let since = Clock::real().now().as_millisecond() as f64 / 1e3;
    let samples = program.metrics(address, "another reading of everything", |samples| {
        ["skill_6", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4"].iter().all(|report| {
            let name = "wolkvox_report_last_success_timestamp_seconds";
            let series = format!("{name}{{operation=\"acme\",report=\"{report}\"}}");
            samples.value(&series).is_some_and(|at| at > since)
        })
    });
    counted(&samples, "acme")
}

fn scrape(address: &str) -> Samples {
    let (status, body) = get(address, "/metrics").unwrap();
    assert_eq!(status, 200);
    Samples::of(&body)
}

/// Everything that must be said while the ledger cannot be written.
fn is_loud(program: &mut Program, address: &str, cause: &str, (api, asked): (&Api, u64)) {
    let errors = |samples: &Samples| samples.value("wolkvox_exporter_ledger_errors_total").unwrap();
    program.metrics(address, "errors of the ledger", |samples| errors(samples) > 0.0);
    program.wait("word in the log", |program| {
        let log = program.err.text();
        let told =
            log.lines().find(|line| line.contains("level=error") && line.contains("counters stand still"));
        told.is_some_and(|line| line.contains(cause)).then_some(())
    });
    let page = program.wait("word on the page", |_| {
        get(address, "/").map(|(_, page)| page).filter(|page| page.contains("cannot be written"))
    });
    assert!(page.contains(cause), "{page}");
    // It lives, serves, and asks for nothing that it could not count.
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(get(address, path).map(|(status, _)| status), Some(200), "{path}");
    }
    let before = errors(&scrape(address));
    program.metrics(address, "more errors", |samples| errors(samples) > before);
    // Questions are booked in blocks of ten; those that are booked, and one on its way, may still be sent.
    let asked = api.requests() - asked;
    assert!(asked <= 11, "asked {asked} times for what could not be counted");
}

fn is_well_again(program: &mut Program, address: &str) {
    program.wait("word in the log", |program| {
        program.err.text().contains("the ledger can be written again").then_some(())
    });
    program.wait("page without alarm", |_| {
        get(address, "/").filter(|(_, page)| !page.contains("cannot be written")).map(drop)
    });
}

/// Lives through a disk that refuses, and is judged at the end.
fn lives_through(
    folder: &Path,
    api: &Api,
    mut program: Program,
    (cause, times): (&str, u32),
    mut refuse: impl FnMut(bool),
) {
    let address = program.address();
    let mut highest = Highest::default();
    highest.see("acme", &all_read(&mut program, &address));
    for _ in 0..times {
        let asked = api.requests();
        refuse(true);
        is_loud(&mut program, &address, cause, (api, asked));
        let now = counted(&scrape(&address), "acme");
        highest.see("acme", &now);
        highest.all_are_in("acme", &now);
        refuse(false);
        is_well_again(&mut program, &address);
        highest.see("acme", &all_read(&mut program, &address));
    }
    let judged = judged_by_a_fresh_reading(folder, "acme", &Amounts::new(), |_| {
        let now = all_read(&mut program, &address);
        highest.see("acme", &now);
        now
    });
    eprintln!("{cause}: {}", judged.unwrap_or_else(|wrong| panic!("{cause}: {wrong}")));
    program.terminate();
    let (status, _, log) = program.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("damaged"), "{log}");
}

#[test]
fn a_disk_that_refuses_for_a_while_is_said_loudly_and_nothing_is_lost() {
    let api = centre();
    for (mood, cause, times) in [
        (Mood::Full, "No space left on device", 2),
        (Mood::ReadOnly, "Read-only file system", 1),
        (Mood::Broken, "Input/output error", 1),
    ] {
        let folder = counting(&api);
        let disk = Disk::of(folder.path());
        let program = disk.serve(folder.path());
        let refuse = |is_refusing| disk.is(if is_refusing { mood } else { Mood::Ok });
        lives_through(folder.path(), &api, program, (cause, times), refuse);
    }
}

/// A file system of its own, in memory and small; gone with the test.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Small<'a>> {
        let mount = ["-t", "tmpfs", "-o", &format!("size={size}"), "wolkvox_exporter-test"];
        let mounted = Command::new("mount").args(mount).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Small(at))
    }

    /// Takes all that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        let full = std::io::copy(&mut std::io::repeat(1), &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // A busy one goes when its last user does.
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_file_system_that_really_is_full_is_said_loudly_and_nothing_is_lost() {
    let api = centre();
    let folder = counting(&api);
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let Some(small) = Small::mount(&data, "32m") else {
        eprintln!("SKIPPED: this user may not mount a file system, so none was really full");
        return;
    };
    // The ledger is there and small; the first answers find no room to grow.
    api.control(&json!({ "maintenance": true }));
    let mut program = serve(folder.path());
    let address = program.address();
    program.metrics(&address, "failures", |samples| samples.sum("wolkvox_report_read_failures_total") > 0.0);
    small.fill();
    let asked = api.requests();
    api.control(&json!({ "maintenance": false }));
    let cause = "No space left on device";
    is_loud(&mut program, &address, cause, (&api, asked));
    let before = counted(&scrape(&address), "acme");
    small.empty();
    is_well_again(&mut program, &address);
    let mut highest = Highest::default();
    highest.see("acme", &before);
    let judged = judged_by_a_fresh_reading(folder.path(), "acme", &Amounts::new(), |_| {
        let now = all_read(&mut program, &address);
        highest.see("acme", &now);
        now
    });
    eprintln!("{cause}: {}", judged.unwrap_or_else(|wrong| panic!("{wrong}")));
    program.terminate();
    assert_eq!(program.end().0.code(), Some(0));
}
