//! A contact sheet: what augmentation makes of some images, in rows with their class.

use cartwheel_envs::{Frame, Rasterizer, Rgba, Scene};

use super::image::Image;

/// The longer side of an image, in pixels.
const SIDE: usize = 144;
const GAP: f32 = 10.0;
/// Of a line of text.
const TEXT: f32 = 9.0;
/// Pixels from one character to the next.
const ADVANCE: f32 = TEXT * 6.0 / 7.0;

/// Images of one image beside each other, all of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What stands above it.
    pub title: String,
    /// The images.
    pub pictures: Vec<Image>,
}

/// Draws rows of images below the `heads` of the columns.
///
/// # Errors
/// A sheet that is too large to draw.
pub fn contact_sheet(heads: &[String], rows: &[Row]) -> Result<Frame, String> {
    let (width, height) =
        rows.iter().flat_map(|row| &row.pictures).next().map_or((1, 1), |picture| (picture.width, picture.height));
    let scale = SIDE as f32 / width.max(height) as f32;
    let (wide, high) = ((width as f32 * scale).ceil(), (height as f32 * scale).ceil());
    let columns = rows.iter().map(|row| row.pictures.len()).max().unwrap_or(0).max(heads.len());
    let line = TEXT + GAP;
    let total = (GAP + (wide + GAP) * columns as f32, GAP + line + (line + high + GAP) * rows.len() as f32);
    let mut scene = Scene::default();
    scene.bounds([0.0, 0.0], [total.0, total.1]);
    let ink = Rgba::rgb(38, 43, 51);
    let muted = Rgba::rgb(107, 114, 128);
    // The world's y goes up.
    let mut write = |left: f32, top: f32, room: f32, text: &str, colour| {
        let text = fitted(&in_ascii(text), room);
        let half = text.chars().count() as f32 * ADVANCE / 2.0;
        scene.label([left + half, total.1 - top - TEXT / 2.0], TEXT, text, colour);
    };
    let left = |column: usize| GAP + (wide + GAP) * column as f32;
    let top = |row: usize| GAP + line + (line + high + GAP) * row as f32;
    for (column, head) in heads.iter().enumerate() {
        write(left(column), GAP, wide, head, muted);
    }
    for (y, row) in rows.iter().enumerate() {
        write(GAP, top(y), total.0 - 2.0 * GAP, &row.title, ink);
    }
    for (y, row) in rows.iter().enumerate() {
        for (column, picture) in row.pictures.iter().enumerate() {
            let above = total.1 - top(y) - line;
            let (min, max) = ([left(column), above - high], [left(column) + wide, above]);
            scene.image(min, max, picture.width as u32, picture.rgb.clone());
        }
    }
    let mut rasterizer = Rasterizer::new(total.0 as u32, total.1 as u32).map_err(|error| error.to_string())?;
    Ok(rasterizer.draw(&scene))
}

/// The text in the letters that images are labelled with: what is not ASCII is spelled out, as "Süß" by "Suss".
fn in_ascii(text: &str) -> String {
    deunicode::deunicode(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As much of a text as there is room for.
fn fitted(text: &str, room: f32) -> String {
    let most = (room / ADVANCE) as usize;
    match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(2)).chain("..".chars()).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_rows() {
        let picture = |rgb| Image::filled(20, 10, rgb);
        let row = |title: &str, colours: &[[u8; 3]]| Row {
            title: title.to_owned(),
            pictures: colours.iter().map(|rgb| picture(*rgb)).collect(),
        };
        let rows = [row("a", &[[200, 0, 0], [0, 200, 0]]), row("b", &[[0, 0, 200], [9, 9, 9]])];
        let frame = contact_sheet(&["first".to_owned(), "second".to_owned()], &rows).unwrap();
        assert_eq!((frame.width, frame.height), (10 + 2 * 154, 29 + 2 * (19 + 72 + 10)));
        let at = |x: usize, y: usize| frame.rgb[(y * frame.width as usize + x) * 3..][..3].to_vec();
        assert_eq!(at(80, 80), [200, 0, 0]);
        assert_eq!(at(240, 80), [0, 200, 0]);
        assert_eq!(at(80, 190), [0, 0, 200]);
        assert_eq!(fitted("a long name", 60.0), "a lon..");
    }

    #[test]
    fn names_in_any_script_can_be_read() {
        assert_eq!(in_ascii("Süßkatze (2 images)"), "Susskatze (2 images)");
        assert_eq!(in_ascii("кошка: 猫"), "koshka: Mao");
        assert!(in_ascii("日本 हिन्दी العربية 한국어 🐱").is_ascii());
    }
}
