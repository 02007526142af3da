//! Basic authentication against bcrypt hashes.
//!
//! An unknown user costs what a known one costs. Comparisons run one at a time beside the async workers,
//! so that guessing neither stalls a scrape nor takes more than one core, and few may wait for their turn. A success is
//! remembered under a keyed hash, also when the users are read again; the password itself is kept nowhere.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use super::queue::{Peer, Queue};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Somebody we know.
    Granted,
    /// Nobody we know.
    Refused,
    /// Too many are waiting to be compared.
    Busy,
}

/// Compares a password with a hash: slow by design.
pub(super) type Compare = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// The salt and digest of a hash that no password is known for.
const DUMMY: &str = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// The cost that a hash says of itself.
fn cost(hash: &str) -> Option<u8> {
    hash.get(4..6)?.parse().ok()
}

/// A hash of a cost that no password is known for.
fn dummy(cost: u8) -> String {
    format!("$2b${cost:02}${DUMMY}")
}

/// Who may come in.
pub(super) struct Auth {
    users: BTreeMap<String, SecretString>,
    /// The highest cost among their hashes.
    highest: u8,
}

/// What outlives the list of users: who has come in, and who waits to.
pub(super) struct Door {
    compare: Compare,
    queue: Queue,
    key: [u8; 32],
    /// The keyed hash of the password, and of the hash it matched, that each user came in with last.
    accepted: Mutex<HashMap<String, [u8; 32]>>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Auth {
    /// Users and their bcrypt hashes.
    pub(super) fn new(users: &BTreeMap<String, SecretString>) -> Auth {
        let highest = users.values().filter_map(|hash| cost(hash.expose_secret())).max().unwrap_or(10);
        Auth { users: users.clone(), highest }
    }

    /// The hashes that a password is compared with, the user's own first. Each cost is twice the one before, so a hash of
    /// the cost `c` and dummies of `c` up to below the highest take what one hash of the highest takes: who guesses
    /// cannot tell users from strangers, nor users of cheaper hashes from others.
    fn hashes(&self, user: &str) -> Vec<String> {
        let own = self.hash(user).map_or_else(|| dummy(self.highest), str::to_owned);
        let fill = cost(&own).unwrap_or(self.highest)..self.highest;
        std::iter::once(own).chain(fill.map(dummy)).collect()
    }

    fn hash(&self, user: &str) -> Option<&str> {
        self.users.get(user).map(|hash| hash.expose_secret())
    }
}

impl Default for Door {
    fn default() -> Door {
        // A password beyond bcrypt's 72 bytes is refused rather than cut.
        Door::new(Arc::new(|password, hash| bcrypt::non_truncating_verify(password, hash).unwrap_or(false)))
    }
}

impl Door {
    pub(super) fn new(compare: Compare) -> Door {
        Door { compare, queue: Queue::default(), key: rand::random(), accepted: Mutex::default() }
    }

    /// Whether these credentials (the value of `Authorization`) let a request of this peer in.
    pub(super) async fn admits(
        &self,
        auth: &Auth,
        peer: Option<Peer>,
        credentials: Option<&HeaderValue>,
    ) -> Admission {
        let Some((user, password)) = credentials.and_then(decode) else { return Admission::Refused };
        let known = auth.hash(&user);
        let hashes = auth.hashes(&user);
        let tag = self.tag(&user, &hashes[0], &password);
        if known.is_some() && self.accepted().get(&user).is_some_and(|accepted| self.same(accepted, &tag)) {
            return Admission::Granted;
        }
        let Some(place) = self.queue.enter(peer) else { return Admission::Busy };
        let Some(turn) = self.queue.turn(place).await else { return Admission::Busy };
        let compare = Arc::clone(&self.compare);
        // The turn ends with the comparison, also when nobody waits for it any more.
        let comparing = tokio::task::spawn_blocking(move || {
            let mut good = false;
            for (nth, hash) in hashes.iter().enumerate() {
                // What fills up the time opens nothing.
                good |= compare(&password, hash) && nth == 0;
            }
            drop(turn);
            good
        });
        let good = comparing.await.unwrap_or(false) && known.is_some();
        if !good {
            return Admission::Refused;
        }
        self.accepted().insert(user, tag);
        Admission::Granted
    }

    /// Forgets the users whose hash is another now, or who are gone.
    pub(super) fn change(&self, before: Option<&Auth>, now: Option<&Auth>) {
        let hash = |auth: Option<&Auth>, user: &str| auth.and_then(|auth| auth.hash(user)).map(str::to_owned);
        self.accepted().retain(|user, _| {
            let hash_now = hash(now, user);
            hash_now.is_some() && hash_now == hash(before, user)
        });
    }

    fn tag(&self, user: &str, hash: &str, password: &str) -> [u8; 32] {
        self.mac(&[user.as_bytes(), hash.as_bytes(), password.as_bytes()])
    }

    /// Compares in a time that does not depend on where two tags differ.
    fn same(&self, a: &[u8; 32], b: &[u8; 32]) -> bool {
        self.mac(&[a]) == self.mac(&[b])
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // Invariant: HMAC takes keys of any length.
        #[expect(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn accepted(&self) -> MutexGuard<'_, HashMap<String, [u8; 32]>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// User and password from `Basic` credentials.
fn decode(credentials: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = credentials.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::queue::{SHARE, WAITING};
    use super::*;

    /// Users at a door.
    struct Site(Auth, Door);

    impl Site {
        fn new(hash: &str) -> Site {
            Site(Auth::new(&users(hash)), Door::default())
        }

        fn with_compare(hash: &str, compare: Compare) -> Site {
            Site(Auth::new(&users(hash)), Door::new(compare))
        }

        async fn admits(&self, from: u8, credentials: &HeaderValue) -> Admission {
            self.1.admits(&self.0, Some(peer(from)), Some(credentials)).await
        }
    }

    fn peer(number: u8) -> Peer {
        Peer::of(([10, 0, 0, number], 1).into())
    }

    async fn is_granted(site: &Site, credentials: Option<&HeaderValue>) -> bool {
        site.1.admits(&site.0, Some(peer(1)), credentials).await == Admission::Granted
    }

    fn header(user: &str, password: &str) -> HeaderValue {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))).parse().unwrap()
    }

    fn users(hash: &str) -> BTreeMap<String, SecretString> {
        BTreeMap::from([("ana".to_owned(), SecretString::from(hash))])
    }

    #[tokio::test]
    async fn hashes_of_the_usual_tools_are_understood() {
        let hash = bcrypt::hash("s3cret", 4).unwrap().replacen("$2b$", "$2y$", 1);
        let auth = Site::new(&hash);
        assert!(is_granted(&auth, Some(&header("ana", "s3cret"))).await);
        assert!(!is_granted(&auth, Some(&header("ana", "S3cret"))).await);
        assert!(!is_granted(&auth, Some(&header("ana", &"x".repeat(80)))).await);
        assert!(!is_granted(&auth, Some(&header("eva", "s3cret"))).await);
        assert!(is_granted(&auth, Some(&header("ana", "s3cret"))).await, "remembered");
        assert!(!is_granted(&auth, None).await);
        for other in ["Bearer abc", "Basic", "Basic !!!", "Basic YW5h"] {
            assert!(!is_granted(&auth, Some(&other.parse().unwrap())).await, "{other}");
        }
    }

    #[tokio::test]
    async fn a_stranger_costs_as_many_comparisons_of_the_same_cost_as_a_user() {
        let costs = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&costs);
        let compare: Compare = Arc::new(move |password, hash| {
            seen.lock().unwrap().push(hash[4..6].to_owned());
            password == "right"
        });
        let hash = format!("$2y$12${}", "a".repeat(53));
        let auth = Site::with_compare(&hash, compare);
        assert!(!is_granted(&auth, Some(&header("ana", "wrong"))).await);
        let known = std::mem::take(&mut *costs.lock().unwrap());
        // Not even what compares as good lets a stranger in, and it is not remembered.
        for _ in 0..2 {
            assert!(!is_granted(&auth, Some(&header("eva", "right"))).await);
            assert_eq!(std::mem::take(&mut *costs.lock().unwrap()), known);
        }
        assert_eq!(known, ["12"]);
    }

    #[tokio::test]
    async fn users_of_cheaper_hashes_cost_as_much_as_the_dearest_and_as_strangers() {
        let work = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&work);
        let compare: Compare = Arc::new(move |_, hash| {
            seen.lock().unwrap().push(1_u64 << cost(hash).unwrap());
            false
        });
        let hash = |cost: u8| SecretString::from(format!("$2y${cost:02}${}", "a".repeat(53)));
        let list = [("cheap", 4), ("middle", 7), ("dear", 10)];
        let auth = Auth::new(&list.map(|(user, cost)| (user.to_owned(), hash(cost))).into());
        let site = Site(auth, Door::new(compare));
        for user in ["cheap", "middle", "dear", "stranger"] {
            assert_eq!(site.admits(1, &header(user, "wrong")).await, Admission::Refused);
            assert_eq!(std::mem::take(&mut *work.lock().unwrap()).iter().sum::<u64>(), 1 << 10, "{user}");
        }
    }

    #[tokio::test]
    async fn only_a_success_is_remembered() {
        let times = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&times);
        let compare: Compare = Arc::new(move |password, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            password == "right"
        });
        let auth = Site::with_compare("$2y$04$", compare);
        for (password, good, comparisons) in [
            ("right", true, 1),
            ("right", true, 1),
            ("wrong", false, 2),
            ("wrong", false, 3),
            ("right", true, 3),
        ] {
            assert_eq!(is_granted(&auth, Some(&header("ana", password))).await, good);
            assert_eq!(times.load(Ordering::Relaxed), comparisons);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn comparisons_run_one_at_a_time() {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let (inside, top) = (Arc::clone(&running), Arc::clone(&most));
        let compare: Compare = Arc::new(move |_, _| {
            top.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
            false
        });
        let auth = Arc::new(Site::with_compare("$2y$04$", compare));
        let guess = |nth: usize| {
            let auth = Arc::clone(&auth);
            tokio::spawn(async move { auth.admits(nth as u8, &header("ana", &nth.to_string())).await })
        };
        let guesses: Vec<_> = (0..WAITING).map(guess).collect();
        for guess in guesses {
            assert_eq!(guess.await.unwrap(), Admission::Refused);
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    /// Lets `right` in at once; any other password is compared until the gate opens for it.
    fn gated() -> (std::sync::mpsc::Sender<()>, Arc<AtomicUsize>, Compare) {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let times = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&times);
        let compare: Compare = Arc::new(move |password, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            password == "right" || gate.lock().unwrap().recv().is_ok_and(|()| false)
        });
        (open, times, compare)
    }

    /// Guesses from one address, in order: those that wait, after those that may not have been told so.
    async fn flood(
        site: &Arc<Site>,
        from: u8,
        guesses: usize,
        waiting: usize,
    ) -> Vec<tokio::task::JoinHandle<Admission>> {
        let guess = |nth: usize| {
            let site = Arc::clone(site);
            tokio::spawn(async move { site.admits(from, &header("eva", &nth.to_string())).await })
        };
        // Tasks start in the order in which they were made, so the first ones wait and the others cannot.
        let mut held: Vec<_> = (0..guesses).map(guess).collect();
        for guess in held.split_off(waiting) {
            let answered = tokio::time::timeout(std::time::Duration::from_secs(30), guess).await;
            assert_eq!(answered.expect("it waits for its turn").unwrap(), Admission::Busy);
        }
        held
    }

    #[tokio::test]
    async fn floods_of_guesses_wait_for_nothing_and_keep_nobody_out_who_is_remembered() {
        let (open, times, compare) = gated();
        let site = Arc::new(Site::with_compare("$2y$04$", compare));
        assert!(is_granted(&site, Some(&header("ana", "right"))).await);
        let mut held = Vec::new();
        for from in 0..(WAITING / SHARE) as u8 {
            held.extend(flood(&site, from, SHARE + 20, SHARE).await);
        }
        flood(&site, 200, 20, 0).await;
        assert!(is_granted(&site, Some(&header("ana", "right"))).await, "remembered, so it need not wait");
        for _ in 0..WAITING {
            open.send(()).unwrap();
        }
        for guess in held {
            assert_eq!(guess.await.unwrap(), Admission::Refused);
        }
        assert_eq!(times.load(Ordering::SeqCst), 1 + WAITING);
    }

    #[tokio::test]
    async fn a_flood_from_one_address_leaves_room_for_a_first_login_from_another() {
        let (open, _, compare) = gated();
        let site = Arc::new(Site::with_compare("$2y$04$", compare));
        let held = flood(&site, 1, WAITING + 100, SHARE).await;
        let login = tokio::spawn({
            let site = Arc::clone(&site);
            async move { site.admits(2, &header("ana", "right")).await }
        });
        for _ in 0..SHARE {
            open.send(()).unwrap();
        }
        assert_eq!(login.await.unwrap(), Admission::Granted);
        for guess in held {
            assert_eq!(guess.await.unwrap(), Admission::Refused);
        }
    }

    #[tokio::test]
    async fn a_change_of_users_forgets_only_those_whose_hash_changed() {
        let (_open, times, compare) = gated();
        let door = Door::new(compare);
        let list = |list: &[(&str, &str)]| {
            let user = |(user, hash): &(&str, &str)| ((*user).to_owned(), SecretString::from(*hash));
            Auth::new(&list.iter().map(user).collect())
        };
        let (ana, eva) = (header("ana", "right"), header("eva", "right"));
        let before = list(&[("ana", "$2y$04$a"), ("eva", "$2y$04$e"), ("out", "$2y$04$o")]);
        for user in ["ana", "eva", "out"] {
            let admission = door.admits(&before, None, Some(&header(user, "right"))).await;
            assert_eq!(admission, Admission::Granted);
        }
        assert_eq!(times.load(Ordering::SeqCst), 3);
        // The cost of strangers may change with the list, and yet ana is known.
        let now = list(&[("ana", "$2y$04$a"), ("eva", "$2y$12$x"), ("new", "$2y$04$n")]);
        door.change(Some(&before), Some(&now));
        assert_eq!(door.accepted().keys().collect::<Vec<_>>(), ["ana"]);
        assert_eq!(door.admits(&now, None, Some(&ana)).await, Admission::Granted);
        assert_eq!(times.load(Ordering::SeqCst), 3, "remembered");
        assert_eq!(door.admits(&now, None, Some(&eva)).await, Admission::Granted);
        assert_eq!(times.load(Ordering::SeqCst), 4, "compared with the new hash");
        door.change(Some(&now), None);
        assert!(door.accepted().is_empty());
    }

    #[test]
    fn the_dummy_is_a_hash_that_can_be_compared() {
        let auth = Auth::new(&users("$2y$04$"));
        assert!(!bcrypt::non_truncating_verify("x", &dummy(auth.highest)).unwrap());
    }
}
