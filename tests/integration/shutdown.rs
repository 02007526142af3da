//! The end of the program and its beginning: signals at bad moments, as the first process of a container, and under a
//! service manager.
//!
//! Ten seconds are the promise; whoever waits for more is killed by the machine's own patience.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;
use wolkvox_exporter::time::Stopwatch;

use super::disk::{Disk, Mood};
use super::program::{
    Api, EXECUTABLE, GLANCE, PATIENCE, Program, configured, get, nowhere, serve, serving, simulate,
};

/// Within this the program ends, whatever it is doing.
const PROMISE: Duration = Duration::from_secs(10);

/// A folder whose exporter reads all the time.
fn busy(api: &Api) -> TempDir {
    let reports = ["skill_6", "diagram_1_2", "diagram_3", "cdr_1", "diagram_4"];
    let intervals: String =
        reports.iter().map(|report| format!("      {report}: {{ interval: 1s }}\n")).collect();
    let keys = format!("    daily_requests: 1000000\n    reports:\n{intervals}");
    configured(&api.base_url, &api.token, &keys)
}

/// Waits until the disk holds a commit: what is asked for is booked first and what is answered is written, so that
/// without a commit no request is sent.
fn is_held(program: &mut Program, api: &Api) {
    program.wait("commit that is held", |_| {
        let before = api.requests();
        std::thread::sleep(Duration::from_millis(2_500));
        (api.requests() == before).then_some(())
    });
}

fn send(program: &Program, signal: &str) {
    send_to(&program.child.id().to_string(), signal);
}

fn send_to(pid: &str, signal: &str) {
    assert!(Command::new("kill").args([&format!("-{signal}"), pid]).status().unwrap().success());
}

/// Sends SIGTERM and waits for the end, which comes in time and in order.
fn ends_in_time(program: Program, what: &str) -> String {
    let asked = Stopwatch::start();
    program.terminate();
    let (status, _, log) = program.end();
    let took = asked.elapsed();
    assert!(took < PROMISE, "{what}: took {took:?}\n{log}");
    assert_eq!(status.code(), Some(0), "{what}: {log}");
    assert!(log.contains("signal=SIGTERM"), "{what}: {log}");
    log
}

/// The ledger of a folder is whole: another life continues it.
fn continues(folder: &Path) {
    let mut program = serve(folder);
    let address = program.address();
    program.metrics(&address, "a whole cycle", |samples| samples.is_up("acme"));
    let log = ends_in_time(program, "afterwards");
    assert!(!log.contains("level=error") && !log.contains("damaged"), "{log}");
}

#[test]
fn a_signal_during_a_read_ends_it() {
    let api = simulate(&[]);
    let slow = [
        ("an answer that does not begin", json!({ "latency_ms": 600_000 })),
        ("an answer that stops in the middle", json!({ "faults": [{ "stall_ms": 600_000 }] })),
        ("a server that does not answer", json!({ "faults": [{ "hang_ms": 600_000 }] })),
    ];
    let folder = busy(&api);
    for (what, change) in slow {
        api.control(&change);
        let before = api.requests();
        let mut program = serve(folder.path());
        program.address();
        program.wait("request", |_| (api.requests() > before).then_some(()));
        ends_in_time(program, what);
        api.control(&json!({ "reset": true }));
    }
    continues(folder.path());
}

#[test]
fn a_signal_while_the_disk_holds_a_commit_ends_it_and_nothing_is_torn() {
    let api = simulate(&[]);
    let folder = busy(&api);
    let disk = Disk::of(folder.path());
    let mut program = disk.serve(folder.path());
    let address = program.address();
    program.metrics(&address, "a whole cycle", |samples| samples.is_up("acme"));
    disk.is(Mood::Slow);
    is_held(&mut program, &api);
    // The page and the metrics do not wait for the disk.
    for path in ["/", "/metrics", "/-/healthy", "/-/ready"] {
        assert_eq!(get(&address, path).map(|(status, _)| status), Some(200), "{path}");
    }
    ends_in_time(program, "a commit that is held");
    disk.is(Mood::Ok);
    continues(folder.path());
}

#[test]
fn a_signal_while_the_ledger_opens_ends_it() {
    let api = simulate(&[]);
    let folder = busy(&api);
    let disk = Disk::of(folder.path());
    disk.is(Mood::Slow);
    let mut program = disk.serve(folder.path());
    program.wait("draft of a ledger", |_| {
        let draft = folder.path().join("data/ledger.key.new").exists();
        (draft || folder.path().join("data/ledger.redb.new").exists()).then_some(())
    });
    ends_in_time(program, "opening");
    disk.is(Mood::Ok);
    continues(folder.path());
}

/// A file of which the content comes when somebody says so: until then whoever reads it hangs.
struct Withheld(std::path::PathBuf);

impl Withheld {
    /// In the place of another file.
    fn instead_of(file: &Path) -> Withheld {
        fs::remove_file(file).unwrap();
        assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
        Withheld(file.to_owned())
    }

    /// Waits until the program reads; it hangs for as long as the answer is kept.
    fn is_read(&self, program: &mut Program) -> fs::File {
        let file = self.0.clone();
        // Opening it waits for the one who reads.
        let opened = std::thread::spawn(move || fs::File::options().write(true).open(file).unwrap());
        program.wait("reader", |_| opened.is_finished().then_some(()));
        opened.join().unwrap()
    }
}

#[test]
fn a_signal_while_the_configuration_cannot_be_read_ends_it() {
    let folder = configured(&nowhere(), "t0ken", "");
    let config = folder.path().join("wolkvox.yml");
    let mut program = serve(folder.path());
    program.address();
    let withheld = Withheld::instead_of(&config);
    send(&program, "HUP");
    let held = withheld.is_read(&mut program);
    ends_in_time(program, "a reload that hangs");
    drop(held);
    // The same at the start.
    let mut program = serve(folder.path());
    let held = withheld.is_read(&mut program);
    ends_in_time(program, "a start that hangs");
    drop(held);
}

#[test]
fn a_signal_while_a_reload_waits_for_the_disk_ends_it_and_nothing_is_torn() {
    let api = simulate(&[]);
    let folder = busy(&api);
    let disk = Disk::of(folder.path());
    let mut program = disk.serve(folder.path());
    let address = program.address();
    program.metrics(&address, "a whole cycle", |samples| samples.is_up("acme"));
    disk.is(Mood::Slow);
    is_held(&mut program, &api);
    let file = folder.path().join("wolkvox.yml");
    let config = fs::read_to_string(&file).unwrap();
    let withheld = Withheld::instead_of(&file);
    send(&program, "HUP");
    let mut content = withheld.is_read(&mut program);
    content
        .write_all(config.replace("daily_requests: 1000000", "daily_requests: 999999").as_bytes())
        .unwrap();
    drop(content);
    ends_in_time(program, "a reload that waits for the disk");
    disk.is(Mood::Ok);
    fs::remove_file(&file).unwrap();
    fs::write(&file, config).unwrap();
    continues(folder.path());
}

#[test]
fn signals_at_any_moment_of_busy_reading_end_it_and_nothing_is_torn() {
    let api = simulate(&[]);
    let folder = busy(&api);
    for life in 0..6_u64 {
        let mut program = serve(folder.path());
        program.address();
        std::thread::sleep(Duration::from_millis(life * 150));
        let log = ends_in_time(program, "busy");
        assert!(!log.contains("level=error") && !log.contains("damaged"), "{log}");
    }
    continues(folder.path());
}

#[test]
fn a_signal_while_clients_dawdle_ends_it() {
    let api = simulate(&[]);
    let folder = busy(&api);
    let mut program = serve(folder.path());
    let address = program.address();
    program.metrics(&address, "a whole cycle", |samples| samples.is_up("acme"));
    // One that takes nothing of what it asked for, over and over.
    let slow = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    slow.set_recv_buffer_size(4096).unwrap();
    let to: std::net::SocketAddr = address.parse().unwrap();
    slow.connect(&SockAddr::from(to)).unwrap();
    let mut slow = TcpStream::from(slow);
    slow.set_nonblocking(true).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut asked = 0;
    while asked < 2_000 && slow.write_all(request.as_bytes()).is_ok() {
        asked += 1;
    }
    assert!(asked > 10, "{asked}");
    // One that has not finished asking, one that has asked nothing, and one that keeps its connection.
    let mut half = TcpStream::connect(&address).unwrap();
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
    let silent = TcpStream::connect(&address).unwrap();
    let mut kept = TcpStream::connect(&address).unwrap();
    kept.write_all(request.as_bytes()).unwrap();
    let mut some = [0; 15];
    kept.read_exact(&mut some).unwrap();
    assert_eq!(&some, b"HTTP/1.1 200 OK");
    ends_in_time(program, "slow clients");
    drop((slow, half, silent, kept));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let api = simulate(&[]);
    for second in ["TERM", "INT"] {
        let folder = busy(&api);
        let disk = Disk::of(folder.path());
        let mut program = disk.serve(folder.path());
        let address = program.address();
        program.metrics(&address, "a whole cycle", |samples| samples.is_up("acme"));
        disk.is(Mood::Slow);
        is_held(&mut program, &api);
        send(&program, "TERM");
        program.wait("first signal", |program| program.err.text().contains("msg=stopping").then_some(()));
        let asked = Stopwatch::start();
        send(&program, second);
        let (status, _, log) = program.end();
        // The first alone would have taken eight.
        assert!(asked.elapsed() < Duration::from_secs(4), "{second}: {:?}\n{log}", asked.elapsed());
        assert_eq!(status.code(), Some(1), "{second}: {log}");
        let last = log.lines().last().unwrap_or_default();
        assert_eq!(last, "wolkvox_exporter serve: stopped at once by a second signal", "{log}");
        disk.is(Mood::Ok);
        continues(folder.path());
    }
}

#[test]
fn ctrl_c_and_a_reload_on_the_way_out_are_as_good_as_sigterm() {
    let folder = configured(&nowhere(), "t0ken", "");
    let mut program = serve(folder.path());
    program.address();
    send(&program, "INT");
    // It may have ended already.
    let _ = Command::new("kill").args(["-HUP", &program.child.id().to_string()]).output();
    let (status, _, log) = program.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("signal=SIGINT"), "{log}");
}

/// The children of a process.
fn children(pid: &str) -> Vec<String> {
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    all.filter(|entry| entry.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|entry| {
            // `pid (name) state ppid`, and a name may hold anything.
            let stat = fs::read_to_string(format!("/proc/{entry}/stat")).unwrap_or_default();
            let after = stat.rsplit(')').next().unwrap_or_default();
            after.split_whitespace().nth(1) == Some(pid)
        })
        .collect()
}

#[test]
fn as_the_first_process_of_a_container_it_hears_signals_and_has_no_use_for_children() {
    let unshare = ["--pid", "--fork", "--mount-proc", "--"];
    let probe = Command::new("unshare").args(unshare).arg("true").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("SKIPPED: namespaces of processes are not allowed here, nothing was the first process");
        return;
    }
    let api = simulate(&[]);
    let folder = busy(&api);
    let mut command = Command::new("unshare");
    command
        .args(unshare)
        .arg(EXECUTABLE)
        .args(serving(folder.path()))
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let mut program = Program::spawn(&mut command);
    let address = program.address();
    program.metrics(&address, "a whole cycle", |samples| samples.is_up("acme"));
    let pid = children(&program.child.id().to_string()).pop().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let inner = status.lines().find(|line| line.starts_with("NSpid:")).unwrap();
    assert!(inner.ends_with("\t1"), "{inner}");

    // Health checks of the container run beside it, as processes of their own, and leave nothing behind.
    let inside = |arguments: &[&str]| {
        let enter = Command::new("nsenter").args(["-t", &pid, "-p", "-m", "--"]).args(arguments).output();
        let enter = enter.unwrap();
        assert!(enter.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&enter.stderr));
    };
    let healthy = format!("--healthy=http://{address}/-/healthy");
    for _ in 0..3 {
        inside(&[EXECUTABLE, "check", &healthy]);
    }
    assert_eq!(children(&pid), Vec::<String>::new(), "zombies of health checks");
    // Somebody's orphan falls to the first process; it is neither waited for nor in the way.
    inside(&["sh", "-c", "sleep 0.1 & exit 0"]);
    program.wait("orphan", |_| (!children(&pid).is_empty()).then_some(()));
    assert_eq!(get(&address, "/-/healthy").map(|(status, _)| status), Some(200));

    let asked = Stopwatch::start();
    send_to(&pid, "TERM");
    let (status, _, log) = program.end();
    assert!(asked.elapsed() < PROMISE, "{log}");
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("signal=SIGTERM"), "{log}");
    continues(folder.path());
}

#[test]
fn the_service_manager_hears_that_it_is_ready_when_it_is_and_that_it_stops() {
    let folder = configured(&nowhere(), "t0ken", "");
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new(EXECUTABLE);
    command.args(serving(folder.path())).env_clear().env("NOTIFY_SOCKET", &socket);
    let mut program = Program::spawn(&mut command);
    let hear = || {
        let mut heard = [0; 256];
        let length = manager.recv(&mut heard).unwrap();
        String::from_utf8(heard[..length].to_vec()).unwrap()
    };
    assert_eq!(hear(), "READY=1");
    // What is ready answers.
    let address = program.address();
    assert_eq!(get(&address, "/metrics").map(|(status, _)| status), Some(200));
    program.terminate();
    assert_eq!(hear(), "STOPPING=1");
    assert_eq!(program.end().0.code(), Some(0));
}

#[test]
fn a_service_manager_is_not_told_of_a_start_that_failed() {
    let folder = configured(&nowhere(), "t0ken", "");
    let mut first = serve(folder.path());
    first.address();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_nonblocking(true).unwrap();
    let mut command = Command::new(EXECUTABLE);
    command.args(serving(folder.path())).env_clear().env("NOTIFY_SOCKET", &socket);
    let (status, _, log) = Program::spawn(&mut command).end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(manager.recv(&mut [0; 16]).is_err(), "a start that failed was ready");
    first.terminate();
    assert_eq!(first.end().0.code(), Some(0));
}

#[test]
fn sockets_that_the_service_manager_holds_are_served_even_to_those_who_came_before() {
    let folder = configured(&nowhere(), "t0ken", "");
    let listeners = [(), ()].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    // A client that comes before the program: it waits in the socket.
    let mut early = TcpStream::connect(addresses[0]).unwrap();
    early.set_read_timeout(Some(PATIENCE)).unwrap();
    early.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    // A manager passes sockets from the third descriptor on, and the number of the process that they are for.
    let script = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"";
    let [first, second] = listeners.map(OwnedFd::from);
    let child = Command::new("sh")
        .args(["-c", script, "sh", EXECUTABLE])
        .args(serving(folder.path()))
        .arg("--web.systemd-socket")
        .stdin(Stdio::from(first))
        .stdout(Stdio::from(second))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    for address in addresses {
        assert_eq!(get(&address.to_string(), "/metrics").map(|(status, _)| status), Some(200), "{address}");
    }
    send_to(&child.0.id().to_string(), "TERM");
    assert_eq!(child.wait().code(), Some(0));
    // Without any it says so.
    let mut command = Command::new(EXECUTABLE);
    command.args(serving(folder.path())).arg("--web.systemd-socket").env_clear();
    let (status, _, log) = Program::spawn(&mut command).end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.lines().last().unwrap_or_default().contains("LISTEN_FDS"), "{log}");
}

/// A process that is not left behind.
struct Ended(std::process::Child);

impl Ended {
    fn wait(&mut self) -> ExitStatus {
        let waited = Stopwatch::start();
        loop {
            match self.0.try_wait().unwrap() {
                Some(status) => return status,
                None if waited.elapsed() < PATIENCE => std::thread::sleep(GLANCE),
                None => panic!("it does not end"),
            }
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
