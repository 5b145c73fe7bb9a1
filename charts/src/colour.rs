//! [`Colour`]: what a part of a picture is drawn in, on a light page and on a dark one.

use std::fmt::Write as _;

use plotters::style::RGBColor;

/// The colour of a part of a picture. SVG attributes hold the light one; a style sheet in the picture
/// replaces it on dark pages, so each light colour stands for one role alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// The background.
    Paper,
    /// Titles, names, values.
    Ink,
    /// Axes and notes.
    Muted,
    /// Lines of the grid.
    Rule,
    /// What this project measures of its own.
    Ours,
    /// A second series of this project.
    OursToo,
    /// The first peer.
    Orange,
    /// The second peer.
    Green,
    /// The third peer.
    Pink,
    /// A floor, or a limit.
    Floor,
    /// The field of a cell that passes.
    GoodField,
    /// The text of a cell that passes.
    GoodText,
    /// The field of a cell that fails.
    BadField,
    /// The text of a cell that fails.
    BadText,
    /// The field of a cell that does not apply.
    BlankField,
}

impl Colour {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Paper,
        Self::Ink,
        Self::Muted,
        Self::Rule,
        Self::Ours,
        Self::OursToo,
        Self::Orange,
        Self::Green,
        Self::Pink,
        Self::Floor,
        Self::GoodField,
        Self::GoodText,
        Self::BadField,
        Self::BadText,
        Self::BlankField,
    ];

    /// On a light page, as `0xRRGGBB`.
    #[must_use]
    pub const fn light(self) -> u32 {
        match self {
            Self::Paper => 0xff_ff_ff,
            Self::Ink => 0x1f_23_28,
            Self::Muted => 0x57_60_6a,
            Self::Rule => 0xd8_de_e4,
            Self::Ours => 0x0b_62_c4,
            Self::OursToo => 0x6f_42_c1,
            Self::Orange => 0xb8_4a_08,
            Self::Green => 0x0f_7b_5f,
            Self::Pink => 0xb0_2a_6b,
            Self::Floor => 0x6b_72_80,
            Self::GoodField => 0xd3_f0_dc,
            Self::GoodText => 0x12_51_2b,
            Self::BadField => 0xfd_d9_c4,
            Self::BadText => 0x7d_2a_03,
            Self::BlankField => 0xed_ef_f2,
        }
    }

    /// On a dark page, as `0xRRGGBB`.
    #[must_use]
    pub const fn dark(self) -> u32 {
        match self {
            Self::Paper => 0x0d_11_17,
            Self::Ink => 0xe6_ed_f3,
            Self::Muted => 0xa3_ad_b8,
            Self::Rule => 0x30_36_3d,
            Self::Ours => 0x58_a6_ff,
            Self::OursToo => 0xc2_97_ff,
            Self::Orange => 0xff_9d_57,
            Self::Green => 0x3f_c9_a0,
            Self::Pink => 0xf2_7f_b4,
            Self::Floor => 0x9a_a4_b2,
            Self::GoodField => 0x12_36_1f,
            Self::GoodText => 0xa7_e8_bd,
            Self::BadField => 0x5a_23_09,
            Self::BadText => 0xff_cf_b3,
            Self::BlankField => 0x1c_21_28,
        }
    }

    /// As an SVG attribute has it.
    pub(crate) fn hex(self) -> String {
        format!("#{:06X}", self.light())
    }

    pub(crate) const fn rgb(self) -> RGBColor {
        let [_, red, green, blue] = self.light().to_be_bytes();
        RGBColor(red, green, blue)
    }

    /// The style sheet of a picture whose SVG is `body`: the dark twins of the colours that it has.
    pub(crate) fn style_sheet(body: &str) -> String {
        let mut dark = String::new();
        for colour in Self::ALL {
            let light = colour.hex();
            for property in ["fill", "stroke"] {
                if body.contains(&format!("{property}=\"{light}\"")) {
                    _ = writeln!(dark, "[{property}=\"{light}\"]{{{property}:#{:06X}}}", colour.dark());
                }
            }
        }
        format!(
            "<style>\ntext{{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}}\n\
             @media (prefers-color-scheme:dark){{\n{dark}}}\n</style>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours by WCAG 2: 1 to 21.
    fn contrast(one: u32, other: u32) -> f64 {
        let luminance = |colour: u32| {
            let [_, red, green, blue] = colour.to_be_bytes().map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
        };
        let (one, other) = (luminance(one), luminance(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn text_and_lines_stand_out_on_both_kinds_of_page() {
        use Colour::*;
        for (text, field, least) in [
            (Ink, Paper, 7.0),
            (Muted, Paper, 4.5),
            (Ours, Paper, 4.5),
            (OursToo, Paper, 4.5),
            (Orange, Paper, 4.5),
            (Green, Paper, 4.5),
            (Pink, Paper, 4.5),
            (Floor, Paper, 4.5),
            (GoodText, GoodField, 4.5),
            (BadText, BadField, 4.5),
            (Muted, BlankField, 4.5),
        ] {
            for (way, is) in [
                ("light", contrast(text.light(), field.light())),
                ("dark", contrast(text.dark(), field.dark())),
            ] {
                assert!(is >= least, "{text:?} on {field:?} has {is:.2} on a {way} page, not {least}");
            }
        }
    }

    #[test]
    fn each_light_colour_has_one_role() {
        let mut light = Colour::ALL.map(Colour::light).to_vec();
        light.sort_unstable();
        light.dedup();
        assert_eq!(light.len(), Colour::ALL.len());
    }
}
