//! The search with a node's children as one vector: a mask says how many of them were passed. And memory is asked for ahead.

#![allow(unsafe_code, reason = "intrinsics of an instruction set that is looked for at run time")]

use std::arch::x86_64::*;

use cartwheel_agents::nn::Isa;

use super::{Node, SumTree};

/// [`SumTree::find`]; false, and nothing is done, on a machine without AVX-512.
pub(super) fn find(tree: &SumTree, targets: &mut [f64], indices: &mut [usize]) -> bool {
    let there = Isa::detect() == Isa::Avx512;
    if there {
        // SAFETY: `Isa` values come from detection.
        unsafe { descend(tree, targets, indices) };
    }
    there
}

/// See [`find`].
///
/// # Safety
/// AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn descend(tree: &SumTree, targets: &mut [f64], indices: &mut [usize]) {
    let passed = |node: &Node, target: f64| {
        // SAFETY: a node is as large as a vector, and lies as one has to.
        let before = unsafe { _mm512_load_pd(node.0.as_ptr()) };
        // Sums rise from child to child, so those that are passed are the first.
        u32::from(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(before, _mm512_set1_pd(target))).trailing_ones()
    };
    let ask = |node: &Node| _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(node).cast());
    tree.descend(targets, indices, passed, ask);
}
