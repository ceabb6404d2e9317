//! Changes of values, not of places.

/// `apply_channel_shift`: added to all values, which stay between the least and the greatest that there were.
pub(super) fn channel_shift(values: &mut [f32], intensity: f32) {
    let (low, high) = extremes(values);
    for value in values {
        *value = (*value + intensity).max(low).min(high);
    }
}

/// `apply_brightness_shift`: values become whole ones, from 0 to 255, and are multiplied as Pillow's `Brightness` does.
/// Values outside of this range are stretched to it first, and back afterwards.
pub(super) fn brightness(values: &mut [f32], factor: f32) {
    let (low, high) = extremes(values);
    let stretched = low < 0.0 || high > 255.0;
    let range = high - low;
    for value in values {
        let whole = match stretched {
            true if range != 0.0 => ((*value - low) / range * 255.0) as u8,
            true => 0,
            false => *value as u8,
        };
        let brighter = (factor * f32::from(whole)) as u8;
        *value = f32::from(brighter);
        if stretched {
            *value = *value / 255.0 * range + low;
        }
    }
}

fn extremes(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}
