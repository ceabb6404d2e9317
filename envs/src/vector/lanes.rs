//! States side by side.

/// Some states, in the layout that a step works on.
pub(crate) trait Lanes: Clone + Default + Send {
    /// One of them by itself.
    type State;

    fn get(&self, lane: usize) -> Self::State;

    fn set(&mut self, lane: usize, state: Self::State);
}

/// One after the other: for environments that are stepped so, since each step draws from a stream of its own.
impl<S: Copy + Send, const LANES: usize> Lanes for [S; LANES]
where
    Self: Default,
{
    type State = S;

    #[inline(always)]
    fn get(&self, lane: usize) -> S {
        self[lane]
    }

    #[inline(always)]
    fn set(&mut self, lane: usize, state: S) {
        self[lane] = state;
    }
}

/// `lanes!(Name of 8 State { field: type, ... })`: a structure of arrays that holds 8 states with these fields.
macro_rules! lanes {
    ($name:ident of $lanes:literal $state:ident { $($field:ident: $type:ty),* }) => {
        #[derive(Clone, Default)]
        #[repr(align(64))]
        pub(crate) struct $name {
            $($field: [$type; $lanes],)*
        }

        impl $crate::vector::Lanes for $name {
            type State = $state;

            #[inline(always)]
            fn get(&self, lane: usize) -> $state {
                $state { $($field: self.$field[lane],)* }
            }

            #[inline(always)]
            fn set(&mut self, lane: usize, state: $state) {
                $(self.$field[lane] = state.$field;)*
            }
        }
    };
}
pub(crate) use lanes;

/// Each number rounded to f32.
// Here and wherever lanes are worked on there are loops, and no closures: a function that is not inlined is not compiled
// for the instruction set of its caller.
#[inline(always)]
pub(crate) fn narrow<const LANES: usize>(numbers: &[f64; LANES]) -> [f32; LANES] {
    let mut narrow = [0.0; LANES];
    for lane in 0..LANES {
        narrow[lane] = numbers[lane] as f32;
    }
    narrow
}

/// A row for each lane, of a column for each number.
#[inline(always)]
pub(crate) fn rows<const N: usize, const LANES: usize>(columns: &[[f32; LANES]; N]) -> [[f32; N]; LANES] {
    let mut rows = [[0.0; N]; LANES];
    for lane in 0..LANES {
        for i in 0..N {
            rows[lane][i] = columns[i][lane];
        }
    }
    rows
}
