//! Tokens: read from a file or the environment, held where nothing can print them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hmac::{Hmac, Mac};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::environment::Environment;
use super::mistake::Mistake;
use super::{Config, TokenSource};

/// Separates our fingerprints from every other use of the same token.
const FINGERPRINT_KEY: &[u8] = b"wolkvox_exporter token fingerprint 1";

/// Far above any token seen; a larger file is the wrong file.
const TOKEN_LONGEST: u64 = 8 * 1024;

/// So many characters of a token in a row are taken for an echo of it.
const TELLING_PIECE: usize = 8;

/// A token. Nothing prints it; it leaves only as a header value marked sensitive.
pub struct Token {
    secret: SecretString,
    header: HeaderValue,
}

impl Token {
    /// Takes a token from text. Spaces and line ends around it are dropped.
    pub fn new(text: &str) -> Result<Token, TokenError> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(TokenError::Spaces);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        if text.len() > 1
            && [('"', '"'), ('\'', '\'')].iter().any(|(a, z)| text.starts_with(*a) && text.ends_with(*z))
        {
            return Err(TokenError::Quotes);
        }
        let mut header = HeaderValue::from_str(text).map_err(|_| TokenError::Characters)?;
        header.set_sensitive(true);
        Ok(Token { secret: SecretString::from(text), header })
    }

    /// The value of the header `wolkvox-token`, marked sensitive so that no client logs it.
    pub fn header_value(&self) -> HeaderValue {
        self.header.clone()
    }

    /// A text with the token taken out of it, should somebody have echoed it: in capitals, or only a piece of it,
    /// for a cut or masked token is still a good part of one.
    pub fn redact(&self, text: &str) -> String {
        let token = self.secret.expose_secret().to_ascii_lowercase().into_bytes();
        let piece = token.len().min(TELLING_PIECE);
        let pieces: BTreeSet<&[u8]> = token.windows(piece).collect();
        let lower = text.to_ascii_lowercase();
        let mut out = String::with_capacity(text.len());
        // Everything before `kept` is in `out`, everything before `hidden` belongs to the token.
        let (mut kept, mut hidden) = (0, 0);
        for (at, window) in lower.as_bytes().windows(piece).enumerate() {
            if pieces.contains(window) {
                if hidden < at || hidden == 0 {
                    // Invariant: a token is ASCII, so what equals a piece of it starts and ends between characters.
                    out.push_str(&text[kept..at]);
                    out.push_str("[token]");
                }
                (kept, hidden) = (at + piece, at + piece);
            }
        }
        out.push_str(&text[kept..]);
        out
    }

    /// 32 hex digits that are equal for equal tokens and tell nothing else about them.
    ///
    /// Names the lock file of a token and finds one token in two operations.
    pub fn fingerprint(&self) -> String {
        let mut mac = keyed();
        mac.update(self.secret.expose_secret().as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn keyed() -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "stated beside it")]
    // Invariant: HMAC takes a key of any length.
    Hmac::<Sha256>::new_from_slice(FINGERPRINT_KEY).expect("a key of any length is good")
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([REDACTED])")
    }
}

/// Why there is no token. Never holds the token, nor the path as written: a token may have been pasted there.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file does not exist.
    #[error("no such file{}", place(directory))]
    Missing {
        /// The directory it was looked for in, when that exists.
        directory: Option<PathBuf>,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The file is not a small regular file.
    #[error("not a small regular file; it must hold the token alone")]
    Kind,
    /// The variable is not set.
    #[error("the environment variable is not set")]
    Unset,
    /// Nothing but spaces.
    #[error("empty; it must hold the token alone")]
    Empty,
    /// Spaces or line ends inside.
    #[error("holds spaces or several lines; it must hold the token alone")]
    Spaces,
    /// Characters that cannot stand in a header.
    #[error("holds characters that no token has; it must hold the token alone")]
    Characters,
    /// The token is in quotes.
    #[error("holds the token in quotes; take them out")]
    Quotes,
}

fn place(directory: &Option<PathBuf>) -> String {
    directory.as_deref().map(|directory| format!(" in {}", directory.display())).unwrap_or_default()
}

/// Reads the token of one operation, again when its file changes.
#[derive(Debug)]
pub struct TokenReader {
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    File { path: PathBuf, last: Mutex<Option<(Stamp, Arc<Token>)>> },
    Variable(Option<SecretString>),
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Device, inode and the seconds and nanoseconds of the last change of the inode, where there are such.
    identity: (u64, u64, i64, i64),
}

impl Stamp {
    fn of(meta: &fs::Metadata) -> Stamp {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0, 0);
        Stamp { modified: meta.modified().ok(), length: meta.len(), identity }
    }
}

impl TokenReader {
    /// A reader of a source. A variable is read here, once; a file at every [`TokenReader::read`].
    pub fn new(source: &TokenSource, env: &dyn Environment) -> TokenReader {
        let origin = match source {
            TokenSource::File(path) => Origin::File { path: path.clone(), last: Mutex::new(None) },
            TokenSource::Env(name) => {
                // What is not UTF-8 becomes a character that no token has, and is refused as such.
                let text = env.variable(name).map(|value| value.to_string_lossy().into_owned());
                Origin::Variable(text.map(SecretString::from))
            }
        };
        TokenReader { origin }
    }

    /// The token as it stands now. Reads the file only when it has changed; blocks for that long.
    pub fn read(&self) -> Result<Arc<Token>, TokenError> {
        match &self.origin {
            Origin::Variable(None) => Err(TokenError::Unset),
            Origin::Variable(Some(text)) => Token::new(text.expose_secret()).map(Arc::new),
            Origin::File { path, last } => {
                // A poisoned lock holds the last whole value all the same.
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                let meta = fs::metadata(path).map_err(|error| unreadable(path, error))?;
                if let Some((stamp, token)) = &*last
                    && *stamp == Stamp::of(&meta)
                {
                    return Ok(Arc::clone(token));
                }
                let (stamp, token) = read_file(path)?;
                let token = Arc::new(token);
                *last = Some((stamp, Arc::clone(&token)));
                Ok(token)
            }
        }
    }

    /// A warning when other users of the machine can read the file.
    pub fn exposure(&self) -> Option<String> {
        let Origin::File { path, .. } = &self.origin else { return None };
        let meta = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let readable_by_all = std::os::unix::fs::MetadataExt::mode(&meta) & 0o004 != 0;
        #[cfg(not(unix))]
        let readable_by_all = meta.len() == u64::MAX;
        readable_by_all.then(|| {
            format!(
                "the token file {} can be read by every user of this machine; chmod 600 it \
                 (a Secret of Kubernetes: defaultMode: 0440)",
                path.display()
            )
        })
    }
}

fn unreadable(path: &Path, error: io::Error) -> TokenError {
    if error.kind() == io::ErrorKind::NotFound {
        let directory = path.parent().filter(|directory| directory.is_dir()).map(Path::to_owned);
        TokenError::Missing { directory }
    } else {
        TokenError::Read(error)
    }
}

fn read_file(path: &Path) -> Result<(Stamp, Token), TokenError> {
    if !fs::metadata(path).map_err(|error| unreadable(path, error))?.is_file() {
        return Err(TokenError::Kind);
    }
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    // Taken before the text: a write in between shows as a change at the next reading.
    let stamp = Stamp::of(&file.metadata().map_err(TokenError::Read)?);
    if stamp.length > TOKEN_LONGEST {
        return Err(TokenError::Kind);
    }
    let mut bytes = Vec::new();
    file.take(TOKEN_LONGEST).read_to_end(&mut bytes).map_err(TokenError::Read)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| TokenError::Characters)?;
    Ok((stamp, Token::new(text)?))
}

/// What reading every token showed.
#[derive(Debug, Default)]
pub struct TokenCheck {
    /// Tokens that cannot be read, and tokens that serve two operations. `at` names the operation.
    pub mistakes: Vec<Mistake>,
    /// Those of the mistakes that are about one token in two operations, which can never work.
    pub shared: Vec<Mistake>,
    /// Files that others can read.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the token of every operation: each must be readable, and each must differ from the others.
    pub fn check_tokens(&self, env: &dyn Environment) -> TokenCheck {
        let mut check = TokenCheck::default();
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for operation in &self.operations {
            let at = format!("token of operation {}", operation.name);
            let reader = TokenReader::new(&operation.token, env);
            match reader.read().map(|token| token.fingerprint()) {
                Ok(fingerprint) => {
                    if let Some(first) = seen.get(&fingerprint) {
                        let what = format!("the same as that of {first}; one token serves one operation");
                        let mistake = Mistake { at, what };
                        check.shared.push(mistake.clone());
                        check.mistakes.push(mistake);
                    } else {
                        seen.insert(fingerprint, &operation.name);
                    }
                }
                Err(error) => check.mistakes.push(Mistake { at, what: error.to_string() }),
            }
            check.warnings.extend(reader.exposure());
        }
        check
    }
}

#[cfg(test)]
mod tests;
