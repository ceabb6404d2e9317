//! How the table looks: cards of width 1, the dealer's above the player's.

use super::State;
use crate::{Point, Rgba, Scene, Style};

const FELT: Rgba = Rgba::rgb(46, 110, 78);
const CHALK: Rgba = Rgba::rgb(222, 236, 226);
const PAPER: Rgba = Rgba::rgb(252, 252, 248);
const EDGE: Rgba = Rgba::rgb(60, 60, 60);
const BACK: Rgba = Rgba::rgb(120, 60, 70);
const BLACK: Rgba = Rgba::rgb(30, 32, 38);
const RED: Rgba = Rgba::rgb(196, 44, 48);

const HEIGHT: f32 = 1.4;
/// From one card to the next.
const ADVANCE: f32 = 1.2;

/// What is printed on the dealer's first card: Gymnasium draws it at random for its picture.
#[derive(Clone, Copy)]
enum Suit {
    Clubs,
    Diamonds,
    Hearts,
    Spades,
}

pub(super) fn draw(state: &State, scene: &mut Scene) {
    let (dealer, player) = (state.dealer.cards(), state.player.cards());
    let width = ADVANCE * dealer.len().max(player.len()).max(4) as f32 + 0.4;
    scene.bounds([0.0, 0.0], [width, 5.0]);
    scene.background = FELT;

    let dealer_sum = if state.is_over { state.dealer.sum().to_string() } else { "?".to_owned() };
    scene.label([0.5 * width, 4.65], 0.3, format!("Dealer {dealer_sum}"), CHALK);
    for (i, card) in dealer.iter().enumerate() {
        let corner = [0.3 + ADVANCE * i as f32, 2.8];
        match i {
            0 => first_card(corner, state, scene),
            _ if state.is_over => plain_card(corner, &value(*card), scene),
            _ => paper(corner, BACK, scene),
        }
    }
    let ace = if state.player.has_usable_ace() { ", usable ace" } else { "" };
    scene.label([0.5 * width, 2.2], 0.3, format!("Player {}{ace}", state.player.sum()), CHALK);
    for (i, card) in player.iter().enumerate() {
        plain_card([0.3 + ADVANCE * i as f32, 0.4], &value(*card), scene);
    }
}

fn value(card: u8) -> String {
    if card == 1 { "A".to_owned() } else { card.to_string() }
}

fn paper([x, y]: Point, color: Rgba, scene: &mut Scene) {
    scene.rect([x, y], [x + 1.0, y + HEIGHT], Style { stroke: Some((0.03, EDGE)), ..Style::fill(color) });
}

fn plain_card([x, y]: Point, text: &str, scene: &mut Scene) {
    paper([x, y], PAPER, scene);
    scene.label([x + 0.5, y + 0.5 * HEIGHT], 0.5, text, BLACK);
}

fn first_card([x, y]: Point, state: &State, scene: &mut Scene) {
    let text = match state.dealer.cards().first() {
        Some(10) => ["J", "Q", "K"][usize::from(state.face % 3)].to_owned(),
        Some(card) => value(*card),
        None => return,
    };
    let suit = [Suit::Clubs, Suit::Diamonds, Suit::Hearts, Suit::Spades][usize::from(state.suit % 4)];
    let color = if matches!(suit, Suit::Diamonds | Suit::Hearts) { RED } else { BLACK };
    paper([x, y], PAPER, scene);
    scene.label([x + 0.5, y + 0.95], 0.5, text, color);
    draw_suit(suit, [x + 0.5, y + 0.38], color, scene);
}

fn draw_suit(suit: Suit, [x, y]: Point, color: Rgba, scene: &mut Scene) {
    let style = Style::fill(color);
    let at = |points: &[Point]| points.iter().map(|[dx, dy]| [x + dx, y + dy]).collect::<Vec<_>>();
    let mut discs = |centers: &[Point], radius| {
        for center in at(centers) {
            scene.circle(center, radius, style);
        }
    };
    match suit {
        Suit::Clubs => discs(&[[-0.12, -0.04], [0.12, -0.04], [0.0, 0.14]], 0.12),
        Suit::Hearts => discs(&[[-0.1, 0.08], [0.1, 0.08]], 0.12),
        Suit::Spades => discs(&[[-0.1, -0.04], [0.1, -0.04]], 0.12),
        Suit::Diamonds => {}
    }
    let corners: &[Point] = match suit {
        Suit::Diamonds => &[[0.0, 0.24], [0.18, 0.0], [0.0, -0.24], [-0.18, 0.0]],
        Suit::Hearts => &[[-0.2, 0.02], [0.2, 0.02], [0.0, -0.24]],
        Suit::Spades => &[[-0.2, 0.02], [0.2, 0.02], [0.0, 0.26]],
        Suit::Clubs => &[],
    };
    if !corners.is_empty() {
        scene.path(at(corners), true, style);
    }
    if matches!(suit, Suit::Clubs | Suit::Spades) {
        scene.path(at(&[[-0.08, -0.24], [0.08, -0.24], [0.0, 0.04]]), true, style);
    }
}
