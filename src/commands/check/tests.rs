use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use clap::Parser;

use super::*;
use crate::commands::arguments::{Arguments, Command};

/// What `check` says of the files of a directory.
fn run(directory: &Path, flags: &[&str], env: &BTreeMap<String, String>) -> (bool, String, String) {
    let file = format!("--config.file={}", directory.join("wolkvox.yml").display());
    let arguments = ["wolkvox_exporter", "check", &file].into_iter().chain(flags.iter().copied());
    let Command::Check(arguments) = Arguments::parse_from(arguments).into_command() else { panic!("check") };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let config = check(&arguments, env, &mut out, &mut err).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&*directory.to_string_lossy(), "DIR");
    (config.is_some(), text(out), text(err))
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file: PathBuf = directory.path().join(name);
        fs::write(&file, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    directory
}

const GOOD: &str = "\
operations:
  - { name: acme, server: \"0010\", token_file: acme.token, timezone: America/Bogota, skills: [101, 102] }
  - { name: zeta, server: \"0068\", token_env: ZETA, timezone: America/Santiago, daily_requests: 25000, count_from: 2024-11-01, reports: { cdr_1: off } }
";

#[test]
fn good_files_show_what_is_configured() {
    let directory = directory(&[("wolkvox.yml", GOOD), ("acme.token", "0123abcd\n")]);
    let env = BTreeMap::from([("ZETA".to_owned(), "4567cdef".to_owned())]);
    let (good, out, err) = run(directory.path(), &[], &env);
    assert!(good, "{err}");
    assert_eq!(err, "");
    let expected = "\
ok: 2 operations
OPERATION  SERVER  TIME ZONE         SKILLS    REPORTS                                  COUNTS FROM  REQUESTS A DAY
acme       0010    America/Bogota    2 named   all                                      now          ask
zeta       0068    America/Santiago  discover  skill_6 diagram_3 diagram_1_2 diagram_4  2024-11-01   25000
";
    assert_eq!(out, expected);
    let (_, out, _) = run(directory.path(), &["--effective"], &env);
    assert!(
        out.contains("server: '0010'") && !out.contains("0123abcd") && !out.contains("4567cdef"),
        "{out}"
    );
}

#[test]
fn mistakes_of_all_files_and_tokens_are_shown_in_one_run() {
    let directory =
        directory(&[("wolkvox.yml", "operations: [{ name: a, server: 8 }]"), ("web.yml", "users: {}")]);
    let web = format!("--web.config.file={}", directory.path().join("web.yml").display());
    let (good, out, err) = run(directory.path(), &[&web], &BTreeMap::new());
    assert!(!good && out.is_empty());
    assert!(err.contains("DIR/wolkvox.yml: operations[0].server: "), "{err}");
    assert!(err.contains("DIR/web.yml: users: unknown key"), "{err}");
}

#[test]
fn one_token_in_two_operations_is_refused_without_saying_it() {
    let directory = directory(&[("wolkvox.yml", GOOD), ("acme.token", "0123abcd\n")]);
    let env = BTreeMap::from([("ZETA".to_owned(), " 0123abcd ".to_owned())]);
    let (good, _, err) = run(directory.path(), &[], &env);
    assert!(!good);
    assert_eq!(err, "token of operation zeta: the same as that of acme; one token serves one operation\n");
}

#[test]
fn a_date_that_has_not_begun_is_refused() {
    let directory = directory(&[
        ("wolkvox.yml", &GOOD.replace("2024-11-01", "2999-01-01")),
        ("acme.token", "0123abcd\n"),
    ]);
    let env = BTreeMap::from([("ZETA".to_owned(), "4567cdef".to_owned())]);
    let (good, _, err) = run(directory.path(), &[], &env);
    assert!(!good);
    assert!(err.starts_with("count_from of operation zeta: lies in the future"), "{err}");
}

#[test]
fn missing_tokens_are_refused() {
    let directory = directory(&[("wolkvox.yml", GOOD)]);
    let (good, _, err) = run(directory.path(), &[], &BTreeMap::new());
    assert!(!good);
    assert_eq!(
        err,
        "token of operation acme: no such file in DIR\ntoken of operation zeta: the environment variable is not set\n"
    );
}

#[test]
fn certificates_that_cannot_be_served_are_told() {
    let web = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\n";
    let files = [
        ("wolkvox.yml", GOOD),
        ("acme.token", "0123abcd\n"),
        ("web.yml", web),
        ("cert.pem", "x"),
        ("key.pem", "y"),
    ];
    let directory = directory(&files);
    let env = BTreeMap::from([("ZETA".to_owned(), "4567cdef".to_owned())]);
    let flag = format!("--web.config.file={}", directory.path().join("web.yml").display());
    let (good, _, err) = run(directory.path(), &[&flag], &env);
    assert!(!good);
    assert!(err.contains("cannot serve TLS: cannot read the certificate"), "{err}");
}
