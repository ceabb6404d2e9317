//! The last choice of each user held out, as in He et al. 2017 ("Neural Collaborative Filtering").

use cartwheel_envs::Generator;

use super::{Interaction, Ratings};

/// The items of each user, without doubles and in rising order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Where each user's begin, and the end of the last.
    begins: Vec<usize>,
    items: Vec<u32>,
    /// Items that there are.
    all: u32,
}

impl Seen {
    /// Those of `rows` of a user and an item, in which every user's are together and in the users' order, and none is twice.
    fn new(users: usize, items: usize, rows: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut seen = Self { begins: vec![0], items: Vec::new(), all: items as u32 };
        for (user, item) in rows {
            while seen.begins.len() <= user as usize {
                seen.begins.push(seen.items.len());
            }
            seen.items.push(item);
        }
        seen.begins.resize(users + 1, seen.items.len());
        for user in 0..users {
            let own = seen.begins[user]..seen.begins[user + 1];
            seen.items[own].sort_unstable();
        }
        seen
    }

    /// The items of a user, in rising order.
    pub fn of(&self, user: u32) -> &[u32] {
        let user = user as usize;
        &self.items[self.begins[user]..self.begins[user + 1]]
    }

    /// How many items are none of a user's.
    pub fn others(&self, user: u32) -> u32 {
        self.all - self.of(user).len() as u32
    }

    /// The `place`th item, from 0, that is none of a user's.
    ///
    /// # Panics
    /// May, if there are not so many.
    pub fn other(&self, user: u32, place: u32) -> u32 {
        let own = self.of(user);
        // The first of the user's items before which there are more others than that.
        let (mut low, mut high) = (0, own.len());
        while low < high {
            let middle = (low + high) / 2;
            if own[middle] - middle as u32 > place { high = middle } else { low = middle + 1 }
        }
        place + low as u32
    }

    /// `count` different items that are none of a user's, each as likely as any, or all if there are not more (Floyd's way).
    pub fn sample(&self, user: u32, count: usize, rng: &mut Generator) -> Vec<u32> {
        let others = self.others(user) as usize;
        if others <= count {
            return (0..others as u32).map(|place| self.other(user, place)).collect();
        }
        let mut places: Vec<u32> = Vec::with_capacity(count);
        for last in others - count..others {
            let drawn = rng.below(last as u64 + 1) as u32;
            places.push(if places.contains(&drawn) { last as u32 } else { drawn });
        }
        places.iter().map(|place| self.other(user, *place)).collect()
    }
}

/// Ratings by what they are for: of every user with two or more items the last is to test, of one with three or more the one
/// before it to validate, and all others are to learn from. Which is last is told by times, and where they are the same by the file's
/// order. Of more rows with the same user and item the last counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaveOneOut {
    /// To learn from, user by user.
    pub train: Vec<Interaction>,
    /// Says which weights are the best.
    pub validation: Vec<Interaction>,
    /// Looked at once, at the end.
    pub test: Vec<Interaction>,
    /// What users have in `train`.
    pub learnt: Seen,
    /// What they have in the whole file.
    pub seen: Seen,
    /// Rows that were left out, for another of the same user and item came later.
    pub doubles: usize,
    /// Users with one item, who are learnt from and nothing more.
    pub single: usize,
}

impl LeaveOneOut {
    /// Parts the rows of `ratings`.
    pub fn new(ratings: &Ratings) -> Self {
        let (users, items) = (ratings.users.len(), ratings.items.len());
        let mut rows = ratings.rows.clone();
        // Stable: what comes later in the file is later where times are the same.
        rows.sort_by(|a, b| a.user.cmp(&b.user).then(a.time.total_cmp(&b.time)));
        let (mut split, mut all) = (Self::default(), Vec::with_capacity(rows.len()));
        let mut had = vec![u32::MAX; items];
        for own in rows.chunk_by(|a, b| a.user == b.user) {
            let mut kept: Vec<Interaction> = Vec::with_capacity(own.len());
            for row in own.iter().rev() {
                if std::mem::replace(&mut had[row.item as usize], row.user) != row.user {
                    kept.push(*row);
                }
            }
            split.doubles += own.len() - kept.len();
            kept.reverse();
            all.extend_from_slice(&kept);
            match kept.as_slice() {
                [rest @ .., before, last] if !rest.is_empty() => {
                    split.train.extend_from_slice(rest);
                    split.validation.push(*before);
                    split.test.push(*last);
                }
                [first, last] => {
                    split.train.push(*first);
                    split.test.push(*last);
                }
                rest => {
                    split.single += 1;
                    split.train.extend_from_slice(rest);
                }
            }
        }
        split.learnt = Seen::new(users, items, split.train.iter().map(|row| (row.user, row.item)));
        split.seen = Seen::new(users, items, all.iter().map(|row| (row.user, row.item)));
        split
    }

    /// Tests by other rows: by the last one of each user whose item was not learnt from. All of them are seen from now on.
    pub fn test_on(&mut self, mut rows: Vec<Interaction>) {
        rows.sort_by(|a, b| a.user.cmp(&b.user).then(a.time.total_cmp(&b.time)));
        let is_new = |row: &&Interaction| self.learnt.of(row.user).binary_search(&row.item).is_err();
        let last = |own: &[Interaction]| own.iter().rev().find(is_new).copied();
        self.test = rows.chunk_by(|a, b| a.user == b.user).filter_map(last).collect();
        let users = self.seen.begins.len() - 1;
        let before = (0..users as u32).flat_map(|user| self.seen.of(user).iter().map(move |item| (user, *item)));
        let mut all: Vec<(u32, u32)> = before.chain(rows.iter().map(|row| (row.user, row.item))).collect();
        all.sort_unstable();
        all.dedup();
        self.seen = Seen::new(users, self.seen.all as usize, all.into_iter());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ratings(rows: &[(u32, u32, f64)]) -> Ratings {
        let names = |count: u32| (0..count).map(|number| number.to_string()).collect();
        let row = |&(user, item, time): &(u32, u32, f64)| Interaction { user, item, rating: time as f32, time };
        Ratings { users: names(4), items: names(6), rows: rows.iter().map(row).collect(), ..Ratings::default() }
    }

    #[test]
    fn the_last_of_each_user_is_held_out() {
        let rows =
            [(2, 0, 5.0), (0, 3, 9.0), (0, 1, 2.0), (0, 2, 1.0), (2, 4, 1.0), (3, 5, 1.0), (0, 1, 3.0), (0, 4, 3.0)];
        let split = LeaveOneOut::new(&ratings(&rows));
        let pairs = |rows: &[Interaction]| rows.iter().map(|row| (row.user, row.item)).collect::<Vec<_>>();
        assert_eq!(pairs(&split.test), [(0, 3), (2, 0)]);
        assert_eq!(pairs(&split.validation), [(0, 4)], "the later line of the same time");
        assert_eq!(pairs(&split.train), [(0, 2), (0, 1), (2, 4), (3, 5)]);
        assert_eq!((split.doubles, split.single), (1, 1));
        assert_eq!(split.train[1].rating, 3.0, "the later one");
        assert_eq!((split.seen.of(0), split.learnt.of(0)), (&[1, 2, 3, 4][..], &[1, 2][..]));
        assert_eq!((split.seen.of(1), split.seen.of(3)), (&[][..], &[5][..]));
    }

    #[test]
    fn others_are_those_that_a_user_does_not_have() {
        let split = LeaveOneOut::new(&ratings(&[(0, 0, 0.0), (0, 3, 0.0), (0, 5, 0.0), (1, 2, 0.0)]));
        for user in 0..4 {
            let own = split.seen.of(user);
            let plain: Vec<u32> = (0..6).filter(|item| !own.contains(item)).collect();
            let found: Vec<u32> = (0..split.seen.others(user)).map(|place| split.seen.other(user, place)).collect();
            assert_eq!(found, plain);
        }
    }

    #[test]
    fn samples_are_different_items_and_all_as_likely() {
        let split = LeaveOneOut::new(&ratings(&[(0, 2, 0.0)]));
        let (mut rng, mut counts) = (Generator::new(1), [0_u32; 6]);
        for _ in 0..3000 {
            let sample = split.seen.sample(0, 2, &mut rng);
            assert_eq!(sample.iter().collect::<BTreeSet<_>>().len(), 2);
            sample.iter().for_each(|item| counts[*item as usize] += 1);
        }
        assert_eq!(counts[2], 0);
        assert!([0, 1, 3, 4, 5].iter().all(|item| counts[*item].abs_diff(1200) < 120), "{counts:?}");
        assert_eq!(split.seen.sample(0, 9, &mut rng), [0, 1, 3, 4, 5]);
    }
}
