//! Colors, in light and in dark. Nothing else in the viewer names a color of its own.

use cartwheel_trainer::watch::Activity;
use eframe::egui::{self, Color32, Context, Painter, Pos2, Shape, Stroke, Ui, vec2};

/// The colors that mean something, as `Theme::of(ui)` gives them.
///
/// Series have the eight hues of Okabe and Ito (2008), which people with any kind of color blindness tell apart, with
/// yellow and black replaced by ones that are seen on the background. Past eight they come again with other dashes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// Whether the background is dark.
    pub dark: bool,
    /// Curves and runs: see [`Self::series`].
    series: [Color32; 8],
    /// What threads do: see [`Self::activity`].
    activities: [Color32; 8],
    /// The value of an action.
    pub value: Color32,
    /// The action that was taken.
    pub chosen: Color32,
    /// An action taken by chance, to explore.
    pub explored: Color32,
    /// What a person did.
    pub person: Color32,
    /// What is selected: a frame around it.
    pub selected: Color32,
    /// The step that is looked at: a line through time.
    pub cursor: Color32,
    /// Marks on a heat map: what the policy does there.
    pub arrow: Color32,
    /// Gains: rewards above 0.
    pub gain: Color32,
    /// Losses: rewards below 0.
    pub loss: Color32,
    /// Something is wrong.
    pub problem: Color32,
    /// Text that is read first.
    pub text: Color32,
    /// Text as it mostly is.
    pub plain: Color32,
    /// Text that is read when looked for.
    pub weak: Color32,
    /// Lines of grids, and outlines of empty bars.
    pub grid: Color32,
    /// Behind pictures and in empty bars.
    pub well: Color32,
}

const fn rgb(color: u32) -> Color32 {
    Color32::from_rgb((color >> 16) as u8, (color >> 8) as u8, color as u8)
}

const fn rgbs(colors: [u32; 8]) -> [Color32; 8] {
    let mut all = [Color32::BLACK; 8];
    let mut i = 0;
    while i < 8 {
        all[i] = rgb(colors[i]);
        i += 1;
    }
    all
}

/// On white.
static LIGHT: Theme = Theme {
    dark: false,
    series: rgbs([0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x7a4a00, 0x56b4e9, 0x3a1f9e, 0x4d4d4d]),
    activities: rgbs([0xd8d8d8, 0x009e73, 0x56b4e9, 0xd55e00, 0xe69f00, 0xcc79a7, 0x6a51a3, 0x9a9a9a]),
    value: rgb(0x8a94a6),
    chosen: rgb(0xe07b00),
    explored: rgb(0x6a51a3),
    person: rgb(0x009e73),
    selected: rgb(0x0072b2),
    cursor: rgb(0xd5005e),
    arrow: rgb(0xffffff),
    gain: rgb(0x009e73),
    loss: rgb(0xd55e00),
    problem: rgb(0xb00020),
    text: rgb(0x1c1c1c),
    plain: rgb(0x3f4247),
    weak: rgb(0x5f6368),
    grid: rgb(0xd0d3d8),
    well: rgb(0xeef0f2),
};

/// On near-black.
static DARK: Theme = Theme {
    dark: true,
    series: rgbs([0x4aa8e0, 0xff8b3d, 0x2fc79a, 0xe69ac4, 0xf0d850, 0x9fd8ff, 0x8a5cf0, 0xffffff]),
    activities: rgbs([0x3a3d42, 0x2fc79a, 0x6fc0f0, 0xff8b3d, 0xf0c040, 0xe69ac4, 0xa995e0, 0x74787f]),
    value: rgb(0x7d8799),
    chosen: rgb(0xffa033),
    explored: rgb(0xb39dff),
    person: rgb(0x2fc79a),
    selected: rgb(0x4aa8e0),
    cursor: rgb(0xff5fa0),
    arrow: rgb(0xffffff),
    gain: rgb(0x2fc79a),
    loss: rgb(0xff8b3d),
    problem: rgb(0xff6b7d),
    text: rgb(0xeeeeee),
    plain: rgb(0xc4c8ce),
    weak: rgb(0x9aa0a8),
    grid: rgb(0x3c4046),
    well: rgb(0x24272b),
};

/// Points of the viridis map (van der Walt and Smith 2015), evenly spaced: as bright as they are high, to any eye.
static VIRIDIS: [Color32; 9] = [
    rgb(0x440154),
    rgb(0x472d7b),
    rgb(0x3b528b),
    rgb(0x2c728e),
    rgb(0x21918c),
    rgb(0x28ae80),
    rgb(0x5ec962),
    rgb(0xaddc30),
    rgb(0xfde725),
];

impl Theme {
    /// The colors for where `ui` is.
    pub fn of(ui: &Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }

    /// Gives egui's own words these colors, too: its weak ones have too little contrast to be read.
    pub fn dress(context: &Context) {
        for (of, theme) in [(egui::Theme::Light, &LIGHT), (egui::Theme::Dark, &DARK)] {
            context.style_mut_of(of, |style| {
                style.visuals.weak_text_color = Some(theme.weak);
                style.visuals.widgets.noninteractive.fg_stroke.color = theme.plain;
            });
        }
    }

    /// The color of curve or run number `i`; after eight they come round again, with other dashes.
    pub fn series(&self, i: usize) -> Color32 {
        self.series[i % self.series.len()]
    }

    /// The color of what a thread does.
    pub fn activity(&self, activity: Activity) -> Color32 {
        self.activities[activity as usize]
    }

    /// The color of a share from 0 to 1 in a heat map; clear for NaN, where there is nothing.
    pub fn heat(&self, share: f32) -> Color32 {
        if share.is_nan() {
            return Color32::TRANSPARENT;
        }
        let at = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f32;
        let below = (at as usize).min(VIRIDIS.len() - 2);
        VIRIDIS[below].lerp_to_gamma(VIRIDIS[below + 1], at - below as f32)
    }
}

/// How curve or run number `i` is dashed, as the length of its dashes and of what is between them, in points: not for the
/// first eight, which have colors of their own.
pub(crate) fn dashes(i: usize) -> Option<[f32; 2]> {
    match i / DARK.series.len() % 3 {
        0 => None,
        1 => Some([9.0, 4.0]),
        _ => Some([2.0, 3.0]),
    }
}

/// The same in letters, for a piece of it among words.
pub(crate) fn stroke_letters(i: usize) -> &'static str {
    match dashes(i) {
        None => "\u{2014}",
        Some([dash, gap]) if dash > gap => "--",
        Some(_) => "\u{b7}\u{b7}\u{b7}",
    }
}

/// A piece of curve number `i`, from `left` on, so long.
pub(crate) fn swatch(painter: &Painter, i: usize, left: Pos2, length: f32, color: Color32) {
    let line = [left, left + vec2(length, 0.0)];
    match dashes(i) {
        None => drop(painter.line_segment(line, Stroke::new(2.0, color))),
        Some([dash, gap]) => {
            // In little room, smaller: the same dashes would be one.
            painter.extend(Shape::dashed_line(&line, Stroke::new(2.0, color), 0.5 * dash, 0.5 * gap));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of WCAG 2: 1 for equal colors, 21 for black on white.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |color: Color32| {
            let linear = |byte: u8| (f32::from(byte) / 255.0).powf(2.2);
            0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn everything_is_seen_on_its_background() {
        for (theme, background) in [(LIGHT, Color32::from_gray(248)), (DARK, Color32::from_gray(27))] {
            for (name, color) in
                [("text", theme.text), ("plain", theme.plain), ("weak", theme.weak), ("problem", theme.problem)]
            {
                assert!(contrast(color, background) > 4.5, "{name}, dark {}", theme.dark);
            }
            for i in 0..8 {
                assert!(contrast(theme.series(i), background) > 2.0, "series {i}, dark {}", theme.dark);
            }
            for color in [theme.chosen, theme.explored, theme.person, theme.selected, theme.cursor] {
                assert!(contrast(color, background) > 2.5, "{color:?}, dark {}", theme.dark);
            }
        }
    }

    #[test]
    fn no_two_of_the_first_curves_look_alike() {
        let looks: Vec<_> = (0..24).map(|i| (DARK.series(i), dashes(i))).collect();
        for (i, look) in looks.iter().enumerate() {
            assert!(!looks[..i].contains(look), "{i}");
        }
    }

    /// Simulated as by Machado, Oliveira and Fernandes 2009, and told apart in CIELAB, where 2 is just seen side by side.
    #[test]
    fn eyes_without_a_color_tell_the_first_curves_apart() {
        const EYES: [[[f32; 3]; 3]; 3] = [
            [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
            [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
            [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
        ];
        const XYZ: [[f32; 3]; 3] = [[0.434, 0.376, 0.190], [0.213, 0.715, 0.072], [0.018, 0.109, 0.873]];
        let times = |m: &[[f32; 3]; 3], v: [f32; 3]| m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum::<f32>());
        let seen = |eye: &[[f32; 3]; 3], color: Color32| {
            let linear = [color.r(), color.g(), color.b()].map(|byte| (f32::from(byte) / 255.0).powf(2.2));
            let [x, y, z] = times(&XYZ, times(eye, linear).map(|part| part.clamp(0.0, 1.0))).map(f32::cbrt);
            [116.0 * y, 500.0 * (x - y), 200.0 * (y - z)]
        };
        for (theme, eye) in [&LIGHT, &DARK].into_iter().flat_map(|theme| EYES.map(|eye| (theme, eye))) {
            let seen: Vec<_> = (0..8).map(|i| seen(&eye, theme.series(i))).collect();
            for (i, j) in (0..8).flat_map(|i| (0..i).map(move |j| (i, j))) {
                let apart = seen[i].iter().zip(seen[j]).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
                assert!(apart > 11.0, "{i} and {j}, dark {}: {apart}", theme.dark);
            }
        }
    }

    #[test]
    fn heat_runs_from_dark_to_bright() {
        assert_eq!(LIGHT.heat(0.0), VIRIDIS[0]);
        assert_eq!(LIGHT.heat(1.0), VIRIDIS[8]);
        assert_eq!(LIGHT.heat(7.0), VIRIDIS[8]);
        assert_eq!(LIGHT.heat(0.5), VIRIDIS[4]);
        assert_eq!(LIGHT.heat(f32::NAN), Color32::TRANSPARENT);
        let brightness = |share: f32| LIGHT.heat(share).intensity();
        assert!((1..20).all(|i| brightness(i as f32 / 20.0) > brightness((i - 1) as f32 / 20.0)));
    }
}
