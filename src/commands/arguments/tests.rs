use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use proptest::prelude::*;

use super::*;

fn parse(arguments: &[&str]) -> Result<Command, clap::Error> {
    let program = std::iter::once(&"wolkvox_exporter");
    Arguments::try_parse_from(program.chain(arguments)).map(Arguments::into_command)
}

#[test]
fn definitions_hold_together() {
    Arguments::definition(&BTreeMap::new()).debug_assert();
}

#[test]
fn variable_set_to_nothing_is_as_good_as_not_set() {
    let env = BTreeMap::from([
        ("WOLKVOX_SHARD".to_owned(), String::new()),
        ("WOLKVOX_LOG_LEVEL".to_owned(), "debug".to_owned()),
    ]);
    let definition = Arguments::definition(&env);
    let commands = std::iter::once(&definition).chain(definition.get_subcommands());
    let arguments: Vec<&clap::Arg> = commands.flat_map(clap::Command::get_arguments).collect();
    let variables = |long: &str| {
        let named = arguments.iter().filter(|argument| argument.get_long() == Some(long));
        named.map(|argument| argument.get_env().is_some()).collect::<Vec<bool>>()
    };
    assert_eq!(variables("shard"), [false; 3], "of the program, of serve and of demo");
    assert_eq!(variables("log.level"), [true; 10]);
}

#[test]
fn no_command_serves() {
    let Ok(Command::Serve(serve)) =
        parse(&["--web.listen-address=:1", "--web.listen-address=[::1]:2", "--shard=1/3"])
    else {
        panic!("serves")
    };
    let addresses: Vec<String> = serve.web.listen_address.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, [":1", "[::1]:2"]);
    assert_eq!(serve.shard, Some(Shard { index: 1, of: 3 }));
    assert_eq!(serve.web.zero_hold, None);
    assert_eq!(serve.storage.path, PathBuf::from("data/"));
    assert_eq!(serve.configuration.file, None);
    let Ok(Command::Serve(serve)) = parse(&["serve"]) else { panic!("serves") };
    assert_eq!(serve.web.listen_address, [":10465".parse().unwrap()]);
}

#[test]
fn wrong_usage_is_refused_with_2() {
    for arguments in [
        &["--shard=3/3"][..],
        &["--shard=0/0"],
        &["--web.listen-address=10465"],
        &["--web.telemetry-path=metrics"],
        &["--web.zero-hold=2"],
        &["--log.level=loud"],
        &["--no-such-flag"],
        &["fly"],
        &["demo", "--speed=0"],
        &["demo", "--speed=nan"],
        &["backfill", "--from=2026-10-01"],
        &["check", "--healthy=https://127.0.0.1/"],
        &["check", "--healthy", "--live"],
        &["plan", "--busy=1.5"],
        &["simulate", "--faults=late"],
    ] {
        let error = parse(arguments).expect_err("refused");
        assert_eq!(error.exit_code(), 2, "{arguments:?}");
    }
    for arguments in [["--version"], ["--help"], ["-h"], ["-V"]] {
        assert_eq!(parse(&arguments).expect_err("printed").exit_code(), 0);
    }
}

/// Every flag of every command beside its variable.
fn flags() -> Vec<(String, String, String)> {
    let root = Arguments::command();
    let commands = std::iter::once(&root).chain(root.get_subcommands());
    let mut flags = Vec::new();
    for command in commands {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let long = argument.get_long().expect("every argument is a long flag").to_owned();
            if long != "help" && long != "version" {
                let variable = argument.get_env().unwrap_or_else(|| panic!("--{long} has no variable"));
                flags.push((command.get_name().to_owned(), long, variable.to_string_lossy().into_owned()));
            }
        }
    }
    flags
}

#[test]
fn every_flag_has_a_variable_of_its_own_spelling() {
    let configuration = [
        "WOLKVOX_SERVER",
        "WOLKVOX_BASE_URL",
        "WOLKVOX_TOKEN",
        "WOLKVOX_TOKEN_FILE",
        "WOLKVOX_TIMEZONE",
        "WOLKVOX_OPERATION",
        "WOLKVOX_CURRENCY",
    ];
    let mut meanings = BTreeSet::new();
    for (command, long, variable) in flags() {
        let plain = long.replace(['.', '-'], "_").to_uppercase();
        let own = format!("WOLKVOX_{}_{plain}", command.to_uppercase());
        assert!(
            variable == format!("WOLKVOX_{plain}") || variable == own,
            "--{long} of {command}: {variable}"
        );
        assert!(!configuration.contains(&variable.as_str()), "{variable} means an operation");
        meanings.insert((variable, long));
    }
    let variables: BTreeSet<_> = meanings.iter().map(|(variable, _)| variable).collect();
    assert_eq!(variables.len(), meanings.len(), "one variable, one flag");
}

#[test]
fn manual_names_status_environment_and_files() {
    let help = Arguments::command().render_long_help().to_string();
    for word in [
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "SIGNALS",
        "EXAMPLES",
        "WOLKVOX_TIMEZONE",
        "WOLKVOX_WEB_LISTEN_ADDRESS",
    ] {
        assert!(help.contains(word), "{word}");
    }
    let version = Arguments::command().render_version();
    assert!(version.starts_with("wolkvox_exporter, version 0."), "{version}");
}

#[test]
fn manual_of_simulate_names_every_switch_and_every_part_of_a_fault() {
    let words: BTreeSet<&str> = manual::SIMULATE.split([' ', ',', '\n']).collect();
    let behaviour = serde_json::to_value(crate::simulator::Behaviour::default()).unwrap();
    let fault = serde_json::to_value(crate::simulator::Fault::default()).unwrap();
    for key in [behaviour, fault].iter().flat_map(|whole| whole.as_object().unwrap().keys()) {
        assert!(words.contains(key.as_str()), "{key}");
    }
}

#[test]
fn every_address_of_the_machine_falls_back_to_ipv4() {
    let address: ListenAddress = ":10465".parse().unwrap();
    let candidates: Vec<String> = address.candidates().iter().map(ToString::to_string).collect();
    assert_eq!(candidates, ["[::]:10465", "0.0.0.0:10465"]);
    let address: ListenAddress = "localhost:0".parse().unwrap();
    assert_eq!((address.name(), address.candidates()), (Some("localhost"), vec![]));
}

proptest! {
    #[test]
    fn addresses_print_as_they_read(host in "|[a-z][a-z0-9.-]{0,20}|[0-9]{1,3}\\.0\\.0\\.1|\\[::[0-9a-f]{1,4}\\]", port in any::<u16>()) {
        let text = format!("{host}:{port}");
        let address: ListenAddress = text.parse().unwrap();
        prop_assert_eq!(address.to_string(), text);
    }

    #[test]
    fn any_text_is_an_address_or_is_refused(text in "\\PC{0,30}") {
        if let Ok(address) = text.parse::<ListenAddress>() {
            prop_assert_eq!(address.to_string().parse::<ListenAddress>().unwrap(), address);
        }
    }
}
