//! Canaries: private values of which each stands in one place only, so that a leak names its column.

/// A planted value, where it was planted, and the pieces that would betray it.
#[derive(Debug)]
pub(super) struct Canary {
    /// Report and column, or the part of an answer.
    pub(super) place: String,
    /// The private part of what was planted.
    pub(super) core: String,
}

/// Makes canaries and remembers them.
#[derive(Debug, Default)]
pub(super) struct Planter {
    pub(super) canaries: Vec<Canary>,
}

impl Planter {
    /// A telephone number of fifteen digits, the longest there are.
    pub(super) fn phone(&mut self, place: &str) -> String {
        let number = self.number();
        self.plant(place, format!("57{:013}", number % 10_000_000_000_000))
    }

    /// A word that occurs in no language, to be put into a comment, a name or an id.
    pub(super) fn word(&mut self, place: &str) -> String {
        let mut number = self.number();
        let mut word = String::from("Q");
        for _ in 0..13 {
            word.push(char::from(b'a' + (number % 26) as u8));
            number = (number / 26) ^ (number << 7);
        }
        self.plant(place, word)
    }

    /// A call id in the vendor's form: groups with dots, the third a Unix time.
    pub(super) fn call_id(&mut self, place: &str) -> String {
        let number = self.number();
        let [a, b] = [number % 8_999 + 1_000, (number >> 16) % 8_999 + 1_000];
        let text = format!("{a}.{b}.{}.{}", 1_300_000_000 + (number >> 32) % 100_000_000, number % 997);
        self.plant(place, text)
    }

    /// A token in the padded form that the vendor's have.
    pub(super) fn token(&mut self, place: &str) -> String {
        let number = self.number();
        self.plant(place, format!("{number:016x}{:012x}==", number.rotate_left(23) & 0xffff_ffff_ffff))
    }

    fn plant(&mut self, place: &str, core: String) -> String {
        self.canaries.push(Canary { place: place.to_owned(), core: core.clone() });
        core
    }

    /// Far apart for neighbours, the same in every run (splitmix64).
    fn number(&self) -> u64 {
        let mut z = (self.canaries.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
