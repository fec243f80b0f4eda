//! Values side by side, copied out of rows and back, so that they are computed with at once.

/// `count` values from `at` on; what is missing is the default.
pub(super) fn load<T: Copy + Default, const N: usize>(
    values: &[T],
    at: usize,
    count: usize,
) -> [T; N] {
    let mut lanes = [T::default(); N];
    if count == N {
        lanes.copy_from_slice(&values[at..at + N]);
    } else {
        lanes[..count].copy_from_slice(&values[at..at + count]);
    }
    lanes
}

/// The first `count` of the lanes become the values from `at` on.
pub(super) fn store<T: Copy, const N: usize>(
    values: &mut [T],
    at: usize,
    count: usize,
    lanes: [T; N],
) {
    if count == N {
        values[at..at + N].copy_from_slice(&lanes);
    } else {
        values[at..at + count].copy_from_slice(&lanes[..count]);
    }
}
