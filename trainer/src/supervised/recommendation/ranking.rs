//! How far up what was held out stands: HR@10 and NDCG@10.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Places that count.
pub(super) const TOP: usize = 10;

/// How far up the held-out item of a user stands, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// HR@10: the share of users whose held-out item is among the first ten.
    #[serde(rename = "hr@10")]
    pub hit_rate: f64,
    /// NDCG@10: 1 / log₂(place + 1) of those that are, 0 of the others.
    #[serde(rename = "ndcg@10")]
    pub ndcg: f64,
}

/// Where an item stands among others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Others that score higher.
    pub(super) higher: usize,
    /// Others that score the same.
    pub(super) same: usize,
}

impl Place {
    /// Counts `other` against `own`. Where either is no number, `own` has not won.
    pub(super) fn count(&mut self, own: f32, other: f32) {
        match other.partial_cmp(&own) {
            Some(Ordering::Less) => {}
            Some(Ordering::Equal) => self.same += 1,
            Some(Ordering::Greater) | None => self.higher += 1,
        }
    }

    /// What a user adds. Items of the same score count for what an order drawn at random would give on average, so that a
    /// popularity baseline, with many of them, is not at the mercy of how items are numbered (McSherry & Najork 2008).
    pub(super) fn gain(self) -> Ranking {
        let places = self.higher..=self.higher + self.same;
        let chance = 1.0 / (self.same + 1) as f64;
        let mut gain = Ranking::default();
        for place in places.take_while(|place| *place < TOP) {
            gain.hit_rate += chance;
            gain.ndcg += chance / (place as f64 + 2.0).log2();
        }
        gain
    }
}

/// A mean of gains.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sum: Ranking,
    users: usize,
}

impl Mean {
    pub(super) fn add(&mut self, place: Place) {
        let gain = place.gain();
        self.sum.hit_rate += gain.hit_rate;
        self.sum.ndcg += gain.ndcg;
        self.users += 1;
    }

    pub(super) fn get(&self) -> Ranking {
        let users = self.users.max(1) as f64;
        Ranking { hit_rate: self.sum.hit_rate / users, ndcg: self.sum.ndcg / users }
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::*;

    /// A list put in order, as slowly as it is plain: the mean over all orders of ties by drawing many.
    fn plainly(own: f32, others: &[f32], rng: &mut Generator) -> Ranking {
        let (mut sum, draws) = (Ranking::default(), 4000);
        for _ in 0..draws {
            let mut list: Vec<(f32, f64, bool)> = others.iter().map(|other| (*other, rng.random(), false)).collect();
            list.push((own, rng.random(), true));
            list.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
            let place = list.iter().position(|(.., held)| *held).expect("it is in the list") + 1;
            if place <= 10 {
                sum.hit_rate += 1.0 / f64::from(draws);
                sum.ndcg += 1.0 / (place as f64 + 1.0).log2() / f64::from(draws);
            }
        }
        sum
    }

    #[test]
    fn gains_are_those_of_a_list_put_in_order() {
        let mut rng = Generator::new(3);
        for case in 0..40 {
            let length = rng.below(30) as usize;
            // Few different scores, so that many are the same.
            let mut draw = || if case % 2 == 0 { rng.below(4) as f32 } else { rng.random() as f32 };
            let (own, others) = (draw(), (0..length).map(|_| draw()).collect::<Vec<_>>());
            let mut place = Place::default();
            others.iter().for_each(|other| place.count(own, *other));
            let (got, plain) = (place.gain(), plainly(own, &others, &mut rng));
            let near = |a: f64, b: f64| (a - b).abs() < 0.03;
            assert!(near(got.hit_rate, plain.hit_rate) && near(got.ndcg, plain.ndcg), "{got:?} {plain:?}");
        }
        assert_eq!(Place { higher: 0, same: 0 }.gain(), Ranking { hit_rate: 1.0, ndcg: 1.0 });
        assert_eq!(Place { higher: 1, same: 0 }.gain().ndcg, 1.0 / 3.0_f64.log2());
        assert_eq!(Place { higher: 10, same: 0 }.gain(), Ranking::default());
        assert_eq!([0, 1].map(|same| Place { higher: 9, same }.gain().hit_rate), [1.0, 0.5]);
    }

    #[test]
    fn what_is_no_number_never_wins() {
        let mut place = Place::default();
        (0..10).for_each(|_| place.count(f32::NAN, 1.0));
        assert_eq!(place.gain(), Ranking::default());
    }
}
