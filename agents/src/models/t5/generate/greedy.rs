//! One token after the other, the most likely or a drawn one.

use cartwheel_envs::Generator;

use super::sample::draw;
use super::{Generated, Generation};
use crate::argmax;
use crate::models::t5::error::T5Error;
use crate::models::t5::model::{Encoded, T5};

pub(super) fn generate(
    model: &T5,
    texts: &[&[u32]],
    encoded: &Encoded,
    settings: &Generation,
    on_token: &mut dyn FnMut(usize, u32),
) -> Result<Vec<Generated>, T5Error> {
    let count = texts.len();
    let mut written = vec![Generated { tokens: Vec::new(), score: None }; count];
    // Each text has a generator of its own, keyed by itself, so that what is beside it changes nothing.
    let seed = settings.sampling.as_ref().map_or(0, |sampling| sampling.seed);
    let keys =
        |text: &&[u32]| std::iter::once(seed).chain(text.iter().map(|token| u64::from(*token))).collect::<Vec<_>>();
    let mut streams: Vec<_> = texts.iter().map(|text| Generator::from_entropy(&keys(text))).collect();
    let mut under_way: Vec<usize> = (0..count).collect();
    let mut tokens = vec![model.config().start_token(); count];
    let mut decoding = model.decode(encoded, under_way.clone());
    let vocab_size = model.config().vocab_size;
    for _ in 0..settings.max_new_tokens {
        let logits = model.step(&mut decoding, &tokens)?;
        tokens.clear();
        for (text, logits) in under_way.iter().zip(logits.chunks_exact_mut(vocab_size)) {
            let token = match &settings.sampling {
                None => argmax(logits),
                Some(sampling) => draw(logits, sampling, &mut streams[*text]),
            } as u32;
            written[*text].tokens.push(token);
            on_token(*text, token);
            tokens.push(token);
        }
        // Texts that have ended take no more time.
        let ends = model.config().eos_tokens();
        let open: Vec<usize> = (0..tokens.len()).filter(|row| !ends.contains(&tokens[*row])).collect();
        if open.is_empty() {
            break;
        }
        decoding.select(&open);
        under_way = open.iter().map(|row| under_way[*row]).collect();
        tokens = open.iter().map(|row| tokens[*row]).collect();
    }
    Ok(written)
}
