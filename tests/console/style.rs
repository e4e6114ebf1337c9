//! The style sheet: contrasts, light and dark, and nothing of others.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../../src/console/assets/style.css");

/// The colours of the block that begins the light or the dark scheme.
fn colours(block: usize) -> BTreeMap<&'static str, [f64; 3]> {
    let block = STYLE.split(":root {").nth(block).and_then(|rest| rest.split('}').next()).expect("a scheme");
    let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"));
    let channel = |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("a colour")) / 255.0;
    lines.map(|(name, hex)| (name, [0, 2, 4].map(|at| channel(hex, at)))).collect()
}

/// <https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio>
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |value: f64| if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    let luminance =
        |[red, green, blue]: [f64; 3]| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn console_colours_have_contrast_in_light_and_in_dark() {
    for scheme in [1, 2] {
        let colours = colours(scheme);
        assert_eq!(colours.len(), 12, "{colours:?}");
        let contrast = |one: &str, other: &str| contrast(colours[one], colours[other]);
        for background in ["page", "panel"] {
            for text in ["text", "quiet", "link", "good", "warn", "bad"] {
                assert!(contrast(text, background) >= 4.5, "{text} on {background}: {:.2}", contrast(text, background));
            }
            // Borders of fields, and what shows the focus.
            for mark in ["line", "accent", "focus"] {
                assert!(contrast(mark, background) >= 3.0, "{mark} on {background}: {:.2}", contrast(mark, background));
            }
        }
        assert!(contrast("on-accent", "accent") >= 4.5);
    }
}

#[test]
fn console_style_names_no_other_source() {
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains("://"));
    assert!(STYLE.contains(":focus-visible { outline: 3px") && STYLE.contains("@media print"));
}
