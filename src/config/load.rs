//! From files, or from the environment, to a [`Config`].

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::field::{self, list};
use super::mistake::{ConfigError, Mistake, Notes};
use super::node::{Node, Value};
use super::operation::{self, Read};
use super::{Config, Operation, TokenSource};
use crate::time::Timestamp;

pub(super) const KEYS: [&str; 3] = ["operations", "defaults", "operations_dir"];

/// A configuration file is text written by people; anything larger is the wrong file.
const FILE_LARGEST: u64 = 16 * 1024 * 1024;

/// Variables that make one operation, beside the key each stands for.
const VARIABLES: [(&str, &str); 6] = [
    ("WOLKVOX_OPERATION", "name"),
    ("WOLKVOX_SERVER", "server"),
    ("WOLKVOX_BASE_URL", "base_url"),
    ("WOLKVOX_TOKEN_FILE", "token_file"),
    ("WOLKVOX_TIMEZONE", "timezone"),
    ("WOLKVOX_CURRENCY", "currency"),
];

impl Config {
    /// Reads a configuration file and the directory of operations it may name.
    ///
    /// Relative paths in a file are relative to that file.
    pub fn load(file: &Path) -> Result<Config, ConfigError> {
        let read = |source| ConfigError::Read { file: file.to_owned(), source };
        let text = read_text(file).map_err(read)?;
        let directory = std::path::absolute(file).map_err(read)?;
        let directory = directory.parent().unwrap_or(Path::new("/"));
        Config::parse(&text, directory, &file.display().to_string())
    }

    /// The configuration of the file named, else of the default file when it exists, else of the environment.
    pub fn find(named: Option<&Path>, default: &Path, env: &dyn Environment) -> Result<Config, ConfigError> {
        match named {
            Some(file) => Config::load(file),
            None if default.exists() => Config::load(default),
            None if ["WOLKVOX_SERVER", "WOLKVOX_BASE_URL"].iter().any(|name| env.text(name).is_some()) => {
                Config::from_env(env)
            }
            None => Err(ConfigError::Absent { file: default.to_owned() }),
        }
    }

    /// Reads a configuration from text; `directory` is what its relative paths are relative to, and
    /// `origin` stands in front of every mistake.
    pub fn parse(text: &str, directory: &Path, origin: &str) -> Result<Config, ConfigError> {
        let mut notes = Notes::default();
        let mut operations = Vec::new();
        match Node::parse("", text) {
            Ok(root) => document(&root, directory, &mut operations, &mut notes),
            Err(what) => notes.mistake("", what),
        }
        assemble(operations, notes, origin)
    }

    /// Makes one operation of `WOLKVOX_SERVER` (or `WOLKVOX_BASE_URL`), `WOLKVOX_TOKEN` (or
    /// `WOLKVOX_TOKEN_FILE`), `WOLKVOX_TIMEZONE`, and optionally `WOLKVOX_OPERATION` (default: the server)
    /// and `WOLKVOX_CURRENCY`.
    pub fn from_env(env: &dyn Environment) -> Result<Config, ConfigError> {
        let mut notes = Notes::default();
        let mut entries = Vec::new();
        for (variable, key) in VARIABLES {
            if let Some(text) = env.text(variable) {
                entries.push((Some(key.to_owned()), Node::text(variable, text)));
            } else if env.variable(variable).is_some_and(|value| !value.is_empty()) {
                notes.mistake(variable, "is not valid UTF-8");
            }
        }
        if env.variable("WOLKVOX_TOKEN").is_some_and(|value| !value.is_empty()) {
            entries.push((Some("token_env".to_owned()), Node::text("WOLKVOX_TOKEN", "WOLKVOX_TOKEN".into())));
        }
        let mut node = Node { at: String::new(), value: Value::Map(entries) };
        // Without a name the operation is called by its server.
        if node.child("name").is_none() {
            let address = super::address::read(&node, &mut Notes::default());
            let name = address.map_or_else(|| "unnamed".to_owned(), |address| address.server);
            if let Value::Map(entries) = &mut node.value {
                entries.push((Some("name".to_owned()), Node::text("WOLKVOX_OPERATION", name)));
            }
        }
        let directory = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("."));
        let read = operation::read(&node, &directory, &mut notes);
        for mistake in &mut notes.mistakes {
            in_words_of_the_environment(mistake);
        }
        assemble(vec![read], notes, "environment")
    }

    /// The operations that shard `index` of `of` serves: those whose name hashes to it.
    ///
    /// The hash is stable over versions and machines. Doubles are found before, over all shards.
    #[must_use]
    pub fn shard(mut self, index: u32, of: u32) -> Config {
        self.operations.retain(|operation| shard_of(&operation.name, of) == index);
        self
    }

    /// Dates from which to count that have not begun by `now`: such an operation would stay silent until then.
    pub fn check_dates(&self, now: Timestamp) -> Vec<Mistake> {
        let ahead = |operation: &&Operation| operation.count_from.instant(&operation.zone, now) > now;
        let mistake = |operation: &Operation| Mistake {
            at: format!("count_from of operation {}", operation.name),
            what: "lies in the future; now, or today or an earlier date of its time zone, is needed"
                .to_owned(),
        };
        self.operations.iter().filter(ahead).map(mistake).collect()
    }
}

/// The shard that an operation belongs to, out of `of` (at least 1).
pub fn shard_of(name: &str, of: u32) -> u32 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(name.as_bytes());
    let head = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    // Invariant: the remainder is below a u32.
    (head % u64::from(of.max(1))) as u32
}

/// Says "the variable" where a mistake says "the key".
fn in_words_of_the_environment(mistake: &mut Mistake) {
    if let Some((variable, _)) = VARIABLES.iter().find(|(_, key)| *key == mistake.at) {
        mistake.at = (*variable).to_owned();
    }
    // What YAML would misread without quotes, a variable holds as it is.
    mistake.what = mistake
        .what
        .replace(
            "four digits in quotes, zeros included, such as \"0010\"",
            "four digits, zeros included, such as 0010",
        )
        .replace("token_file", "WOLKVOX_TOKEN_FILE")
        .replace("token_env", "WOLKVOX_TOKEN")
        .replace("base_url", "WOLKVOX_BASE_URL");
}

fn document(root: &Node, directory: &Path, operations: &mut Vec<Read>, notes: &mut Notes) {
    if !field::mapping(root, &KEYS, notes) {
        return;
    }
    let defaults = root.child("defaults");
    if let Some(defaults) = defaults {
        operation::read_defaults(defaults, directory, notes);
    }
    match root.child("operations").map(|node| (node, &node.value)) {
        Some((_, Value::List(items))) if !items.is_empty() => {
            for item in items {
                let node = operation::inherit(item.clone(), defaults);
                operations.push(operation::read(&node, directory, notes));
            }
        }
        Some((_, Value::List(_))) if root.child("operations_dir").is_some() => {}
        Some((node, _)) => notes.mistake(&node.at, "a list of at least one operation is needed"),
        None if root.child("operations_dir").is_some() => {}
        None => notes.mistake("operations", "missing; a list of at least one operation is needed"),
    }
    if let Some(node) = root.child("operations_dir")
        && let Some(name) = field::clean_text(node, "the path of a directory", 4096, notes)
    {
        from_directory(node, &name, directory, defaults, operations, notes);
    }
}

/// Reads one operation from each file of a directory, in the order of their names.
fn from_directory(
    key: &Node,
    written: &str,
    parent: &Path,
    defaults: Option<&Node>,
    operations: &mut Vec<Read>,
    notes: &mut Notes,
) {
    let directory = &parent.join(written);
    let files = match files_of(directory) {
        Ok(files) => files,
        Err(error) => {
            notes.mistake(&key.at, format!("cannot read this directory: {}", field::reason(&error)));
            return;
        }
    };
    let before = operations.len();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A directory that can be read is no pasted token, so it may be named.
        let at = format!("{}/{name}", written.trim_end_matches('/'));
        if !file.extension().is_some_and(|end| end == "yml" || end == "yaml") {
            notes.warn(&at, "not read; an operation's file ends in .yml or .yaml");
            continue;
        }
        match read_text(&file).map_err(|error| format!("cannot be read: {}", field::reason(&error))) {
            Ok(text) => match Node::parse(&format!("{at}: "), &text) {
                Ok(node) => {
                    let node = operation::inherit(node, defaults);
                    operations.push(operation::read(&node, directory, notes));
                }
                Err(what) => notes.mistake(&at, what),
            },
            Err(what) => notes.mistake(&at, what),
        }
    }
    if operations.len() == before {
        notes.warn(&key.at, "holds no operation yet");
    }
}

/// The files of a directory, sorted; hidden ones (editors, mounted Kubernetes volumes) are passed over.
fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // `metadata` of the path, not of the entry, follows the links of mounted volumes.
        if !hidden && fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file()) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The text of a file of reasonable size; a byte order mark is passed over.
pub(super) fn read_text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    // One byte more than allowed shows what is too large, devices without an end included.
    let length = fs::File::open(file)?.take(FILE_LARGEST + 1).read_to_string(&mut text)?;
    if length as u64 > FILE_LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Puts operations together when nothing is wrong, doubles included.
fn assemble(read: Vec<Read>, mut notes: Notes, origin: &str) -> Result<Config, ConfigError> {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut tokens: BTreeMap<&TokenSource, &str> = BTreeMap::new();
    for read in &read {
        if let Some((name, at)) = &read.name {
            if let Some(first) = names.get(name.as_str()) {
                notes.mistake(at, format!("the same name as {first}; every operation needs its own"));
            } else {
                names.insert(name, at);
            }
        }
        if let Some((source, at)) = &read.token {
            if tokens.get(source).is_some_and(|first| first == at) {
                notes.mistake(at, "shared by several operations; one token serves one operation");
            } else if let Some(first) = tokens.get(source) {
                notes.mistake(at, format!("the same token as {first}; one token serves one operation"));
            } else {
                tokens.insert(source, at);
            }
        }
    }
    let mut operations: Vec<_> = read.into_iter().filter_map(|read| read.operation).collect();
    operations.sort_by(|a, b| a.name.cmp(&b.name));
    notes.finish(origin, |warnings| Config { operations, warnings })
}

/// Reads a list of texts; used by the web configuration.
pub(super) fn texts(node: &Node, wanted: &str, notes: &mut Notes) -> Vec<(String, String)> {
    let items = list(node, wanted, notes).unwrap_or_default();
    let texts = items
        .into_iter()
        .filter_map(|item| field::clean_text(item, wanted, 4096, notes).map(|text| (item.at.clone(), text)));
    texts.collect()
}
