//! Which instructions a native batch steps with.

/// What this machine can do, of what the body of a step is compiled for. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

impl Instructions {
    /// All that this machine can run, the fastest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut available = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
            {
                available.push(Self::Avx512);
            }
            available.push(Self::Avx2);
        }
        available.push(Self::Plain);
        available
    }
}
