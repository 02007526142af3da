//! The shape of the source: imports follow the data, and each forbidden name has one home.
//!
//! The rules are a function over `(path, text)` pairs, so that a planted violation can show that
//! they would be noticed.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of the data. A file imports only from modules before its own.
const ORDER: &[&str] = &[
    "api",
    "time",
    "metrics",
    "config",
    "schedule",
    "client",
    "report",
    "ledger",
    "vitals",
    "today",
    "names",
    "exposition",
    "status",
    "server",
    "pipeline",
    "simulator",
    "dashboards",
    "commands",
];

/// Modules that must stay independent, with all they may import.
const ISOLATED: &[(&str, &[&str])] = &[("simulator", &["time"]), ("dashboards", &["metrics", "api", "time"])];

/// A spelling in code, and the only modules in which it may appear.
const HOMES: &[(&str, &[&str])] = &[
    // The compiler forbids it too, unless somebody takes the lint away.
    ("unsafe", &[]),
    ("redb", &["ledger"]),
    ("prometheus::", &["exposition", "server"]),
    ("std::env", &["config"]),
    // The token in the first two; password hashes and private keys in the last.
    ("expose_secret", &["config", "client", "server"]),
    ("Instant::now", &["time"]),
    ("SystemTime::now", &["time"]),
    ("Timestamp::now", &["time"]),
    ("Zoned::now", &["time"]),
];

/// File names that say nothing about the domain.
const EMPTY_NAMES: &[&str] =
    &["mod", "util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"];

/// The longest a file may be, in lines, its tests not counted.
const LONGEST: usize = 600;

/// What the median file stays below, in lines, its tests not counted.
const MEDIAN: usize = 250;

/// One source file: its path below `src/`, with slashes, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The module of the order that the file belongs to: `ledger/tables.rs` belongs to `ledger`.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether the whole file is test code, which may import what it likes.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The text before its own test module.
    fn shipped(&self) -> &str {
        let mut start = 0;
        while let Some(found) = self.text[start..].find("#[cfg(test)]") {
            let at = start + found;
            let next = self.text[at..].lines().skip(1).map(str::trim).find(|line| !line.starts_with("#["));
            if next.is_some_and(|line| line.starts_with("mod ") || line.starts_with("pub(crate) mod ")) {
                return &self.text[..at];
            }
            start = at + 1;
        }
        &self.text
    }

    /// How many lines are shipped.
    fn lines(&self) -> usize {
        self.shipped().lines().count()
    }
}

/// Every broken rule, one line each.
fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let path = &source.path;
        let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if EMPTY_NAMES.contains(&stem) {
            found.push(format!("{path}: a file is named for what it is, not `{stem}`"));
        }
        if source.is_test() {
            continue;
        }
        if !source.text.starts_with("//!") {
            found.push(format!("{path}: does not begin by saying what it is (`//!`)"));
        }
        if source.lines() > LONGEST {
            found.push(format!("{path}: {} lines, {LONGEST} at most", source.lines()));
        }
        let module = source.module();
        // The build script is no part of the program; it is configured by the environment.
        if module == "build" {
            continue;
        }
        let code = code_of(source.shipped());
        for (name, homes) in HOMES {
            if !homes.contains(&module) && names(&code, name) {
                found.push(format!("{path}: `{name}` belongs to {homes:?}"));
            }
        }
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(own) = rank(module) else {
            found.push(format!("{path}: module `{module}` has no place in the order"));
            continue;
        };
        for imported in imports(&code, path.matches('/').count() + 1) {
            if imported == module {
                continue;
            }
            match rank(&imported) {
                None => found.push(format!("{path}: imports `{imported}`, which has no place in the order")),
                Some(other) if other > own => {
                    found.push(format!("{path}: `{module}` imports `{imported}`, which comes later"))
                }
                Some(_) => {
                    let isolated = ISOLATED.iter().find(|(name, _)| *name == module);
                    if isolated.is_some_and(|(_, allowed)| !allowed.contains(&imported.as_str())) {
                        found.push(format!("{path}: `{module}` is independent and imports `{imported}`"));
                    }
                }
            }
        }
    }
    let mut lines: Vec<_> = sources.iter().filter(|source| !source.is_test()).map(Source::lines).collect();
    lines.sort_unstable();
    if let Some(&median) = lines.get(lines.len() / 2).filter(|&&median| median >= MEDIAN) {
        found.push(format!("the median file has {median} lines, below {MEDIAN} is the aim"));
    }
    found
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|&name| name == module)
}

/// The modules that a file names: after `crate::`, in `crate::{..}`, or by climbing with `super`.
///
/// `depth` is how many `super` lead from the file to the crate itself.
fn imports(code: &str, depth: usize) -> Vec<String> {
    let squeezed: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let climb = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", climb.as_str()] {
        for (at, _) in squeezed.match_indices(root) {
            let rest = &squeezed[at + root.len()..];
            let before = &squeezed[..at];
            // `pub(in crate::x)` is a visibility, and one more `super` belongs to a nested module.
            if before.ends_with("(in") || before.ends_with("super::") {
                continue;
            }
            let mut named = match rest.strip_prefix('{') {
                Some(group) => heads(group),
                None => vec![identifier(rest)],
            };
            // A climb out of a module nested in the file stays inside the file.
            if root != "crate::" {
                named.retain(|name| rank(name).is_some());
            }
            found.append(&mut named);
        }
    }
    found.retain(|name| !name.is_empty());
    found.sort();
    found.dedup();
    found
}

/// The first name of each entry of a `{..}` group, given the text after its opening brace.
fn heads(group: &str) -> Vec<String> {
    let mut found = vec![identifier(group)];
    let mut depth = 0;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(identifier(&group[at + 1..])),
            _ => {}
        }
    }
    found
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect()
}

/// Whether `code` contains `name` as whole words.
fn names(code: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let free_before = !code[..at].ends_with(word);
        let free_after = name.ends_with("::") || !code[at + name.len()..].starts_with(word);
        free_before && free_after
    })
}

/// The text without comments and without what stands inside literals.
fn code_of(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |i: usize| characters.get(i).copied().unwrap_or('\0');
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < characters.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < characters.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut open = 0;
                loop {
                    if at(i) == '/' && at(i + 1) == '*' {
                        open += 1;
                        i += 2;
                    } else if at(i) == '*' && at(i + 1) == '/' {
                        open -= 1;
                        i += 2;
                    } else {
                        i += 1;
                    }
                    if open == 0 || i >= characters.len() {
                        break;
                    }
                }
            }
            'r' if !code.ends_with(|c: char| c.is_alphanumeric() && c != 'b' || c == '_')
                && (at(i + 1) == '"' || at(i + 1) == '#' && matches!(at(i + 2), '"' | '#')) =>
            {
                let hashes = (i + 1..).take_while(|&j| at(j) == '#').count();
                i += hashes + 2;
                while i < characters.len() && !(at(i) == '"' && (1..=hashes).all(|j| at(i + j) == '#')) {
                    i += 1;
                }
                i += hashes + 1;
                code.push_str("\"\"");
            }
            '"' => {
                i += 1;
                while i < characters.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
                code.push_str("\"\"");
            }
            // A character, not a lifetime: the quote closes after one character or an escape.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                while i < characters.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
                code.push_str("' '");
            }
            character => {
                code.push(character);
                i += 1;
            }
        }
    }
    code
}

/// Every Rust file below `src/`.
fn read_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push(Source::new(&below, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// What the rules say about one file that is otherwise in order.
fn verdict(path: &str, body: &str) -> Vec<String> {
    violations(&[Source::new(path, &format!("//! A file.\n{body}"))])
}

#[test]
fn the_source_keeps_every_rule() {
    let sources = read_sources();
    assert!(sources.iter().any(|source| source.path == "lib.rs"), "the source was not found");
    let found = violations(&sources);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn an_arrow_against_the_order_is_noticed_however_it_is_spelt() {
    for body in [
        "use crate::ledger::Ledger;",
        "use crate::{api::Report, ledger::{self, Ledger}};",
        "use crate :: ledger;",
        "fn f() { crate::ledger::open() }",
        "use super::ledger::Ledger;",
        "pub use crate::ledger as book;",
        "fn f<'a>(x: &'a str) -> crate::ledger::Sum { 'x'; r#\"quoted \" \"# }",
    ] {
        assert_eq!(verdict("report.rs", body).len(), 1, "{body}");
    }
    assert_eq!(verdict("report/survey.rs", "use super::super::ledger::Ledger;").len(), 1);
    assert_eq!(verdict("simulator.rs", "use crate::report::Reading;").len(), 1);
    assert_eq!(verdict("api.rs", "use crate::nowhere::Thing;").len(), 1);
    assert_eq!(verdict("nowhere.rs", "").len(), 1);
}

#[test]
fn what_is_no_arrow_is_left_alone() {
    for (path, body) in [
        ("report.rs", "use crate::{api::Report, time::{Bucket, Window}};"),
        ("report.rs", "/// Becomes a [`crate::ledger::Cell`].\nfn f() {}"),
        (
            "report.rs",
            "/* crate::ledger /* crate::server */ */ fn f() { g(\"crate::ledger\\\"crate::server\") }",
        ),
        ("report.rs", "struct Row; mod wire { use super::Row; use super::super::report::Row; }"),
        ("report.rs", "#[cfg(test)]\nmod tests {\n    use crate::ledger::Ledger;\n}"),
        ("report/tests.rs", "use crate::ledger::Ledger;"),
        ("report/survey.rs", "use super::field; use super::ledger; use crate::report::Row;"),
        ("ledger/tables.rs", "use redb::TableDefinition; pub(in crate::ledger) struct Tables;"),
        ("exposition.rs", "use prometheus::Registry;"),
        ("time.rs", "fn f() { std::time::Instant::now(); }"),
        ("simulator/model.rs", "use crate::time::Clock; use crate::simulator::Caller;"),
    ] {
        assert_eq!(verdict(path, body), Vec::<String>::new(), "{path}: {body}");
    }
}

#[test]
fn unsafe_code_is_forbidden_where_nobody_can_allow_it_again() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let lints = manifest.split("[lints.rust]").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(lints.lines().any(|line| line == "unsafe_code = \"forbid\""), "{lints}");
    for path in ["src/lib.rs", "src/main.rs"] {
        let text = fs::read_to_string(root.join(path)).unwrap();
        assert!(text.lines().any(|line| line == "#![forbid(unsafe_code)]"), "{path}");
    }
}

#[test]
fn a_name_away_from_home_is_noticed() {
    for (path, body) in [
        ("exposition.rs", "use redb::Database;"),
        ("ledger/file.rs", "fn f() { unsafe { g() } }"),
        ("report.rs", "fn f(x: prometheus::Counter) {}"),
        ("server.rs", "use std::env;"),
        ("main.rs", "fn f() { std::env::var(\"HOME\"); }"),
        ("pipeline.rs", "fn f() { Instant::now(); }"),
        ("schedule.rs", "fn f() { token.expose_secret() }"),
        // What hides behind a test attribute on a function is still shipped below it.
        ("report.rs", "#[cfg(test)]\nfn g() {}\nuse redb::Database;"),
    ] {
        assert_eq!(verdict(path, body).len(), 1, "{path}: {body}");
    }
}

#[test]
fn a_file_that_is_too_long_unnamed_or_silent_is_noticed() {
    assert_eq!(verdict("report/mod.rs", "").len(), 1);
    assert_eq!(verdict("report/utils.rs", "").len(), 1);
    assert_eq!(violations(&[Source::new("report.rs", "use crate::api::Report;")]).len(), 1);

    let long = "//! A file.\n".repeat(LONGEST + 1);
    let short = || Source::new("api.rs", "//! A file.\n");
    assert_eq!(violations(&[short(), short(), Source::new("report.rs", &long)]).len(), 1);
    let tested = format!("//! A file.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(LONGEST));
    assert_eq!(violations(&[Source::new("report.rs", &tested)]), Vec::<String>::new());

    let middling = || Source::new("report.rs", &"//! A file.\n".repeat(MEDIAN));
    assert_eq!(violations(&[short(), middling(), middling()]).len(), 1);
}
