//! The few elements of SVG that a plot is made of, as text.
//!
//! Ours rather than a plotting library's: its next version must not change the pictures of old
//! runs by a byte, legends stand beside the points and not on them, and there is nothing in here
//! that could be wrong without being seen.

use std::fmt::Write;

/// A picture that grows downwards; coordinates are pixels.
pub(super) struct Svg {
    width: f64,
    body: String,
}

/// Where text is put: its place, and whether that is its start, middle or end.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) anchor: &'static str,
}

/// Dark on white whatever is around it; only fonts that every viewer has.
const STYLE: &str = "text{font-family:sans-serif;font-size:12px;fill:#222}\
    .title{font-size:14px;font-weight:bold}.small{font-size:11px}.dim{fill:#666}\
    .axis{stroke:#444}.grid{stroke:#e4e4e4}.whisker{stroke:#222}";

impl Svg {
    pub(super) fn new(width: f64) -> Self {
        Self { width, body: String::new() }
    }

    pub(super) fn text(&mut self, class: &str, at: At, text: &str) {
        let At { x, y, anchor } = at;
        let text = escaped(text);
        self.line_of(&format!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    /// Read from below, its middle at `at`.
    pub(super) fn upward_text(&mut self, at: At, text: &str) {
        let At { x, y, anchor } = at;
        let text = escaped(text);
        self.line_of(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" transform="rotate(-90 {x:.1} {y:.1})">{text}</text>"#
        ));
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.line_of(&format!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// Through all points, in a colour; `dashes` as SVG has them, empty for none.
    pub(super) fn path(&mut self, color: &str, dashes: &str, points: &[(f64, f64)]) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.line_of(&format!(
            r#"<polyline fill="none" stroke="{color}" stroke-width="1.5" stroke-dasharray="{dashes}" points="{}"/>"#,
            points.join(" ")
        ));
    }

    /// From the lowest to the highest, behind the point between them.
    pub(super) fn whisker(&mut self, color: &str, x: f64, (y1, y2): (f64, f64)) {
        self.line_of(&format!(
            r#"<line stroke="{color}" stroke-opacity=".6" x1="{x:.1}" y1="{y1:.1}" x2="{x:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// A closed shape, filled.
    pub(super) fn shape(&mut self, color: &str, fill: &str, points: &[(f64, f64)]) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.line_of(&format!(
            r#"<polygon fill="{fill}" stroke="{color}" stroke-width="1.5" points="{}"/>"#,
            points.join(" ")
        ));
    }

    pub(super) fn circle(&mut self, color: &str, (x, y): (f64, f64), radius: f64) {
        self.line_of(&format!(
            r#"<circle fill="{color}" stroke="{color}" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"/>"#
        ));
    }

    fn line_of(&mut self, element: &str) {
        let _ = writeln!(self.body, "{element}");
    }

    pub(super) fn finish(self, height: f64) -> String {
        let Self { width, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\">\n<style>{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
        )
    }
}

//= XML 1.0, section 2.2: most control characters and two others may not even be referred to.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for at in text.chars() {
        match at {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&apos;");
        assert_eq!(escaped("\0\u{1b}\u{ffff}é"), "\u{fffd}\u{fffd}\u{fffd}é");
    }
}
