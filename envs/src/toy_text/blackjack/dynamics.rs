//! Hands of cards and what they are worth.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::BlackjackConfig;
use crate::Generator;

/// The best sum.
const MOST: i32 = 21;
/// The dealer draws below this.
const DEALER_STAYS: i32 = 17;
/// The longest hand: 21 aces, and one card more.
const LONGEST: usize = 22;

/// Cards by their value: an ace is 1, the jack, the queen and the king are 10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub(super) struct Hand {
    cards: [u8; LONGEST],
    len: u8,
    /// Of the cards, aces as 1.
    plain_sum: u8,
    has_ace: bool,
}

impl Hand {
    /// Two new cards.
    #[inline]
    pub(super) fn dealt(rng: &mut Generator) -> Self {
        let mut hand = Self::default();
        hand.draw(rng);
        hand.draw(rng);
        hand
    }

    /// One card more, of a deck that never ends: each of the 13 ranks with the same probability.
    #[inline]
    pub(super) fn draw(&mut self, rng: &mut Generator) {
        let rank = rng.integer(13) as u8 + 1;
        self.push(rank.min(10));
    }

    #[inline]
    fn push(&mut self, card: u8) {
        // Beyond the longest hand only where the caller steps on after the end.
        if let Some(place) = self.cards.get_mut(usize::from(self.len)) {
            *place = card;
            self.len += 1;
        }
        self.plain_sum = self.plain_sum.saturating_add(card);
        self.has_ace |= card == 1;
    }

    #[inline]
    pub(super) fn cards(&self) -> &[u8] {
        &self.cards[..self.len.into()]
    }

    /// Whether an ace can count 11.
    #[inline]
    pub(super) fn has_usable_ace(&self) -> bool {
        self.has_ace & (i32::from(self.plain_sum) + 10 <= MOST)
    }

    #[inline]
    pub(super) fn sum(&self) -> i32 {
        i32::from(self.plain_sum) + if self.has_usable_ace() { 10 } else { 0 }
    }

    #[inline]
    pub(super) fn is_bust(&self) -> bool {
        self.sum() > MOST
    }

    #[inline]
    fn score(&self) -> i32 {
        if self.is_bust() { 0 } else { self.sum() }
    }

    /// Whether it is an ace and a ten.
    #[inline]
    fn is_natural(&self) -> bool {
        self.len == 2 && self.sum() == MOST
    }

    /// Draws as the dealer does.
    #[inline]
    pub(super) fn play_out(&mut self, rng: &mut Generator) {
        while self.sum() < DEALER_STAYS {
            self.draw(rng);
        }
    }
}

impl TryFrom<Vec<u8>> for Hand {
    type Error = &'static str;

    fn try_from(cards: Vec<u8>) -> Result<Self, Self::Error> {
        if cards.len() > LONGEST || cards.iter().any(|card| !(1..=10).contains(card)) {
            return Err("these cards cannot be dealt");
        }
        let mut hand = Self::default();
        cards.into_iter().for_each(|card| hand.push(card));
        Ok(hand)
    }
}

impl From<Hand> for Vec<u8> {
    fn from(hand: Hand) -> Self {
        hand.cards().to_vec()
    }
}

/// The reward of a player who has stuck, once the dealer has played.
#[inline]
pub(super) fn reward(config: BlackjackConfig, player: &Hand, dealer: &Hand) -> f64 {
    let natural = player.is_natural();
    match player.score().cmp(&dealer.score()) {
        _ if config.sab && natural && !dealer.is_natural() => 1.0,
        Ordering::Greater if config.natural && !config.sab && natural => 1.5,
        Ordering::Greater => 1.0,
        Ordering::Equal => 0.0,
        Ordering::Less => -1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand(cards: &[u8]) -> Hand {
        cards.to_vec().try_into().expect("cards")
    }

    #[test]
    fn aces_count_eleven_while_they_can() {
        let hands: [(&[u8], i32, bool); 4] =
            [(&[1, 5], 16, true), (&[1, 5, 10], 16, false), (&[1, 1], 12, true), (&[10, 9, 2], 21, false)];
        for (cards, sum, usable) in hands {
            assert_eq!((hand(cards).sum(), hand(cards).has_usable_ace()), (sum, usable), "{cards:?}");
        }
    }

    #[test]
    fn naturals_are_paid_by_the_rules_chosen() {
        let rules = |natural, sab| BlackjackConfig { natural, sab };
        let (natural, long) = (hand(&[10, 1]), hand(&[7, 7, 7]));
        // A natural against 21 of three cards, against 20, and against another natural.
        let rewards = |config| [&long, &hand(&[10, 10]), &natural].map(|dealer| reward(config, &natural, dealer));
        assert_eq!(rewards(rules(false, true)), [1.0, 1.0, 0.0]);
        assert_eq!(rewards(rules(true, true)), [1.0, 1.0, 0.0], "sab overrides natural");
        assert_eq!(rewards(rules(true, false)), [0.0, 1.5, 0.0]);
        assert_eq!(rewards(rules(false, false)), [0.0, 1.0, 0.0]);
        assert_eq!(reward(rules(true, false), &long, &hand(&[10, 10])), 1.0);
        assert_eq!(reward(rules(false, true), &long, &natural), 0.0, "the reverse rule does not apply");
    }
}
