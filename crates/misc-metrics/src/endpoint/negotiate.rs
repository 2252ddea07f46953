//! What a scraper would like to get.

use http::{
    HeaderMap,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderName},
};

use crate::encode::Format;

/// Chooses the format by `Accept` (RFC 9110, section 12.5.1).
///
/// `OpenMetrics` 1.0 goes to those who name it and do not like the classic format better, the classic format to
/// everybody else: an answer that was not asked for is more useful than none.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let (mut open_metrics, mut text) = (Quality::default(), Quality::default());
    for range in items(headers, &ACCEPT) {
        let is = |media_type: &str| range.value.eq_ignore_ascii_case(media_type);
        let is_version = |wanted: &str| range.parameter("version").is_none_or(|version| version == wanted);
        if is("application/openmetrics-text") && is_version("1.0.0") {
            open_metrics.set(3, range.quality);
        } else if is("text/plain") && is_version("0.0.4") {
            text.set(3, range.quality);
        } else if is("text/*") {
            text.set(2, range.quality);
        } else if is("*/*") {
            text.set(1, range.quality);
        }
    }
    let wants = open_metrics.value > 0 && open_metrics.value >= text.value;
    if wants { Format::OpenMetrics } else { Format::Text }
}

/// Tells whether `Accept-Encoding` has gzip, and not as something worse than no encoding (RFC 9110, section 12.5.3).
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity) = (Quality::default(), Quality::default());
    for coding in items(headers, &ACCEPT_ENCODING) {
        match coding.value {
            value if value.eq_ignore_ascii_case("gzip") || value.eq_ignore_ascii_case("x-gzip") => {
                gzip.set(2, coding.quality);
            }
            value if value.eq_ignore_ascii_case("identity") => identity.set(2, coding.quality),
            "*" => gzip.set(1, coding.quality),
            _ => {}
        }
    }
    gzip.value > 0 && gzip.value >= identity.value
}

/// What the most specific range says; of two alike, what the better one says.
#[derive(Default)]
struct Quality {
    specific: u8,
    /// In thousandths.
    value: u16,
}

impl Quality {
    fn set(&mut self, specific: u8, value: u16) {
        if specific >= self.specific {
            self.value = if specific > self.specific { value } else { self.value.max(value) };
            self.specific = specific;
        }
    }
}

/// One element of a list of preferences.
struct Item<'a> {
    value: &'a str,
    parameters: &'a str,
    quality: u16,
}

impl<'a> Item<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        parameter(self.parameters, name)
    }
}

fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Item<'a>> {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(|item| {
        let (value, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameter(parameters, "q").map_or(1_000, thousandths);
        Item { value: value.trim(), parameters, quality }
    })
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// Reads a quality; one that is none counts as zero, for the client did not mean all of it.
fn thousandths(quality: &str) -> u16 {
    let quality = quality.parse::<f32>().ok().filter(|quality| (0.0..=1.0).contains(quality));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1000")]
    quality.map_or(0, |quality| (quality * 1_000.0).round() as u16)
}
