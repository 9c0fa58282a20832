//! What is kept of the rows that a target holds, in fixed memory however many they are: a filter that says which keys are
//! certainly absent, and sums of digests by which whole buckets of rows are known to be equal.
//!
//! A bucket's sum is that of the target's digests less that of the dumps'. Sums, not exclusive ors: a row that is there twice
//! does not cancel itself out. Digests are 128 bits wide, so that rows that differ are not taken for equal.

/// What identifies a row, as 128 well-mixed bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u128);

/// How much is kept for one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Bits of the filter; a power of two.
    pub(crate) filter: usize,
    /// Buckets; a power of two.
    pub(crate) buckets: usize,
}

/// For the small tables: 128 KiB and 384 KiB.
pub(crate) const SMALL: Size = Size { filter: 1 << 20, buckets: 1 << 14 };

/// For copies: 4 MiB and 6 MiB. Of ten million keys one in five is taken for present that is not, and costs a look.
pub(crate) const LARGE: Size = Size { filter: 1 << 25, buckets: 1 << 18 };

/// What is kept of one table.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    filter: Vec<u64>,
    sums: Sums,
}

/// The sums of all buckets: of the rows' digests and of their keys'.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    rows: Vec<u128>,
    keys: Vec<u64>,
}

impl Sums {
    fn bucket(&mut self, key: Key) -> Option<(&mut u128, &mut u64)> {
        let bucket = bucket(key, self.rows.len());
        self.rows.get_mut(bucket).zip(self.keys.get_mut(bucket))
    }

    /// A row of the dumps; without a digest it is one that is only known to be held there.
    pub(crate) fn subtract(&mut self, key: Key, whole: u64, digest: Option<u128>) {
        if let Some((row, keys)) = self.bucket(key) {
            *row = row.wrapping_sub(digest.unwrap_or(0));
            *keys = keys.wrapping_sub(whole);
        }
    }

    fn add(&mut self, key: Key, whole: u64, digest: u128) {
        if let Some((row, keys)) = self.bucket(key) {
            *row = row.wrapping_add(digest);
            *keys = keys.wrapping_add(whole);
        }
    }
}

/// Which of so many buckets a key is in.
fn bucket(key: Key, buckets: usize) -> usize {
    usize::try_from(key.0 & 0xffff_ffff).unwrap_or(0).checked_rem(buckets).unwrap_or(0)
}

impl Held {
    /// Nothing yet.
    pub(crate) fn new(size: Size) -> Self {
        let sums = Sums { rows: vec![0; size.buckets], keys: vec![0; size.buckets] };
        Self { filter: vec![0; size.filter / 64], sums }
    }

    /// The words and bits of the filter that stand for a key.
    fn probes(&self, key: Key) -> [(usize, u64); 2] {
        let probe = |hash: u128| {
            let bit = usize::try_from(hash & 0xffff_ffff).unwrap_or(0) % (self.filter.len() * 64);
            (bit / 64, 1 << (bit % 64))
        };
        [probe(key.0 >> 32), probe(key.0 >> 64)]
    }

    /// A key that the target holds.
    pub(crate) fn note(&mut self, key: Key) {
        for (word, bit) in self.probes(key) {
            if let Some(word) = self.filter.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// Whether the target may hold a key; if not, it certainly does not.
    pub(crate) fn may_hold(&self, key: Key) -> bool {
        let has = |(word, bit): (usize, u64)| self.filter.get(word).is_some_and(|word| word & bit != 0);
        self.probes(key).into_iter().all(has)
    }

    /// A row of the target that is compared; `whole` tells rows with one key apart.
    pub(crate) fn add(&mut self, key: Key, whole: u64, digest: u128) {
        self.sums.add(key, whole, digest);
    }

    /// The sums, to be told of the dumps' rows while others ask the filter. They must be put back before they are asked for.
    pub(crate) fn sums(&mut self) -> &mut Sums {
        &mut self.sums
    }

    /// Whether all rows of a key's bucket are equal on both sides, once both were told.
    pub(crate) fn equal(&self, key: Key) -> bool {
        self.sums.rows.get(bucket(key, self.sums.rows.len())).is_some_and(|sum| *sum == 0)
    }

    /// Whether a key's bucket has the same keys on both sides.
    pub(crate) fn same_keys(&self, key: Key) -> bool {
        self.sums.keys.get(bucket(key, self.sums.keys.len())).is_some_and(|sum| *sum == 0)
    }

    /// The number of a key's bucket, if its rows differ; once both sides were told.
    pub(crate) fn unequal(&self, key: Key) -> Option<usize> {
        let bucket = bucket(key, self.sums.rows.len());
        self.sums.rows.get(bucket).filter(|sum| **sum != 0).map(|_| bucket)
    }

    /// Whether any bucket from this one on differs.
    pub(crate) fn any_unequal_from(&self, bucket: usize) -> bool {
        self.sums.rows.iter().skip(bucket).any(|sum| *sum != 0)
    }

    /// Whether all buckets are equal.
    pub(crate) fn all_equal(&self) -> bool {
        self.sums.rows.iter().all(|sum| *sum == 0)
    }

    /// Whether all buckets have the same keys.
    pub(crate) fn all_keys_same(&self) -> bool {
        self.sums.keys.iter().all(|sum| *sum == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::ids::digest;

    fn key(n: u64) -> Key {
        Key(digest(&[&n.to_string()]))
    }

    fn row(n: u64, text: &str) -> u128 {
        digest(&[&n.to_string(), text])
    }

    const TINY: Size = Size { filter: 1 << 16, buckets: 1 << 8 };

    #[test]
    fn equal_sets_are_equal_in_any_order_and_one_difference_is_found() {
        let mut held = Held::new(TINY);
        for n in 0..1_000 {
            held.note(key(n));
            held.add(key(n), n, row(n, "same"));
        }
        for n in (0..1_000).rev() {
            assert!(held.may_hold(key(n)));
            held.sums().subtract(key(n), n, Some(row(n, if n == 500 { "other" } else { "same" })));
        }
        assert!(
            !held.all_equal() && held.all_keys_same() && !held.equal(key(500)) && held.same_keys(key(500))
        );
        let unequal = (0..1_000).filter(|n| !held.equal(key(*n))).count();
        assert!((1..20).contains(&unequal), "only its bucket: {unequal}");
    }

    #[test]
    fn rows_that_are_missing_doubled_or_only_known_are_told_apart() {
        let mut held = Held::new(TINY);
        held.add(key(1), 1, row(1, "a"));
        held.add(key(1), 1, row(1, "a"));
        assert!(!held.equal(key(1)), "a row that is there twice does not cancel itself out");
        held.sums().subtract(key(1), 1, Some(row(1, "a")));
        assert!(!held.all_keys_same());
        held.sums().subtract(key(1), 1, None);
        assert!(held.all_keys_same() && !held.all_equal(), "its key is held, its row is unknown");
    }

    #[test]
    fn the_filter_says_no_of_nearly_all_that_are_absent() {
        let mut held = Held::new(TINY);
        (0..2_000).for_each(|n| held.note(key(n)));
        let wrong = (2_000..12_000).filter(|n| held.may_hold(key(*n))).count();
        assert!(wrong < 200, "{wrong} of 10,000");
    }
}
