//! Actions that are not valid in a state: outputs that tell of them are marked, so that they have no chance, no gradient, and are
//! never the best.
//!
//! Huang and Ontañón 2022, *A closer look at invalid action masking in policy gradient algorithms*; reference
//! implementation: `sb3_contrib/common/maskable/distributions.py`.

/// What takes the place of outputs that tell of an action which is not valid now. Not minus infinity, so that nothing that
/// is made of it is not a number.
pub const INVALID: f32 = -1e9;

/// Marks actions in rows of outputs, one every `stride` numbers, of which `atoms` tell of each action. `valid` has a row of
/// `actions` flags for each of them; by no flags at all, nothing is marked.
#[inline]
pub fn mask(valid: &[bool], [actions, atoms, stride]: [usize; 3], outputs: &mut [f32]) {
    if valid.is_empty() {
        return;
    }
    for (valid, outputs) in valid.chunks_exact(actions).zip(outputs.chunks_exact_mut(stride)) {
        let marked = outputs.chunks_exact_mut(atoms).zip(valid).filter(|(_, valid)| !**valid);
        marked.for_each(|(outputs, _)| outputs.fill(INVALID));
    }
}

/// `outputs`, or a copy in `buffer` of which actions are marked as by [`mask`], where there are flags.
#[inline]
pub fn masked<'a>(valid: &[bool], shape: [usize; 3], outputs: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
    if valid.is_empty() {
        return outputs;
    }
    buffer.clear();
    buffer.extend_from_slice(outputs);
    mask(valid, shape, buffer);
    buffer
}

/// Those rows of `valid`, which has a row of flags for each of `n` or none, that are asked for, one after the other.
pub(crate) fn select(valid: &[bool], n: usize, rows: &[usize], to: &mut Vec<bool>) {
    to.clear();
    let width = valid.len() / n.max(1);
    rows.iter().for_each(|row| to.extend_from_slice(&valid[row * width..(row + 1) * width]));
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
