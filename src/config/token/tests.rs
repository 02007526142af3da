use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn no_env() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn reader(file: &Path) -> TokenReader {
    TokenReader::new(&TokenSource::File(file.to_owned()), &no_env())
}

#[test]
fn file_is_read_again_when_it_is_written_or_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let reader = reader(&file);
    assert!(matches!(reader.read(), Err(TokenError::Missing { directory: Some(_) })));
    fs::write(&file, "first\n").unwrap();
    let first = reader.read().unwrap();
    assert!(Arc::ptr_eq(&first, &reader.read().unwrap()), "an unchanged file is not read again");
    // Another length in place, then the same length under another inode, as secret stores do it.
    fs::write(&file, "second one\n".replace(' ', "-")).unwrap();
    let second = reader.read().unwrap();
    assert_eq!(second.header_value(), "second-one");
    let other = directory.path().join("other");
    fs::write(&other, "replac-one\n").unwrap();
    fs::rename(&other, &file).unwrap();
    assert_eq!(reader.read().unwrap().header_value(), "replac-one");
    fs::write(&file, " \n").unwrap();
    assert!(matches!(reader.read(), Err(TokenError::Empty)), "a broken file is not the old token");
    fs::remove_file(&file).unwrap();
    assert!(matches!(reader.read(), Err(TokenError::Missing { .. })));
}

#[test]
fn what_is_no_token_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    for (bytes, message) in [
        (&b""[..], "empty"),
        (b"\n \t", "empty"),
        (b"two words", "holds spaces"),
        (b"line\nline", "holds spaces"),
        (b"a\x00b", "holds spaces"),
        ("contraseña".as_bytes(), "holds characters"),
        (b"\xff\xfe", "holds characters"),
        (b"\"quoted\"", "holds the token in quotes"),
    ] {
        fs::write(&file, bytes).unwrap();
        let error = reader(&file).read().unwrap_err().to_string();
        assert!(error.starts_with(message), "{bytes:?}: {error}");
    }
    fs::write(&file, "a".repeat(9000)).unwrap();
    assert!(matches!(reader(&file).read(), Err(TokenError::Kind)));
    assert!(matches!(reader(directory.path()).read(), Err(TokenError::Kind)));
    let unset = TokenReader::new(&TokenSource::Env("NOT_SET".to_owned()), &no_env());
    assert!(matches!(unset.read(), Err(TokenError::Unset)));
}

#[test]
fn token_pasted_as_a_path_is_not_said() {
    let pasted = "3fa9c1d2e4b5a6978812";
    let error = reader(&Path::new("/etc").join(pasted)).read().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(pasted), "{error:?}");
    let error = reader(&Path::new("/nowhere/else").join(pasted)).read().unwrap_err();
    assert_eq!(error.to_string(), "no such file");
}

#[cfg(unix)]
#[test]
fn file_that_everybody_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, "token").unwrap();
    for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(reader(&file).exposure().is_some(), warned, "{mode:o}");
    }
}

#[test]
fn fingerprint_is_the_same_in_every_release() {
    // The name of a lock file: two versions beside each other must agree on it.
    assert_eq!(Token::new("0123456789abcdef").unwrap().fingerprint(), KNOWN_FINGERPRINT);
}

const KNOWN_FINGERPRINT: &str = "f1b13d8bfbbf8d35fde445bfdfdfa1a3";

proptest! {
    #[test]
    fn nothing_prints_a_token(text in "[!-~]{8,64}") {
        let Ok(token) = Token::new(&text) else { return Ok(()) };
        let env = BTreeMap::from([("TOKEN".to_owned(), text.clone())]);
        let reader = TokenReader::new(&TokenSource::Env("TOKEN".to_owned()), &env);
        prop_assert_eq!(reader.read().unwrap().header_value(), text.as_str());
        let printed = format!("{token:?} {reader:?} {:?} {}", token.header_value(), token.fingerprint());
        prop_assert!(!printed.contains(&text), "{}", printed);
        prop_assert!(token.header_value().is_sensitive());
    }

    #[test]
    fn fingerprints_are_equal_exactly_for_equal_tokens(a in "[0-9a-f]{4}", b in "[0-9a-f]{4}", space in "[ \n\t]{0,3}") {
        let fingerprint = |text: &str| Token::new(text).unwrap().fingerprint();
        prop_assert_eq!(fingerprint(&a) == fingerprint(&b), a == b);
        prop_assert_eq!(fingerprint(&format!("{space}{a}{space}")), fingerprint(&a));
        let digits: BTreeSet<char> = fingerprint(&a).chars().collect();
        prop_assert!(digits.iter().all(char::is_ascii_hexdigit));
    }
}
