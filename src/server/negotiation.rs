//! What a client wants, from `Accept` and `Accept-Encoding`.

use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use axum::http::{HeaderMap, HeaderName};

use crate::exposition::{Encoding, Format};

/// The format with the highest quality among those asked for; the first of equals. Text when there is none.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let mut best = (0, Format::Text);
    for (range, quality) in items(headers, &ACCEPT) {
        let mut parameters = range.split(';').map(str::trim);
        let media = parameters.next().unwrap_or_default().to_ascii_lowercase();
        let version = parameters.find_map(|parameter| value(parameter, "version"));
        let format = match (media.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => Format::OpenMetrics,
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => Format::Text,
            _ => continue,
        };
        if quality > best.0 {
            best = (quality, format);
        }
    }
    best.1
}

/// Gzip when it is allowed and not liked less than the plain bytes.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let mut gzip = None;
    let mut identity = None;
    let mut any = None;
    for (coding, quality) in items(headers, &ACCEPT_ENCODING) {
        let coding = coding.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match coding.as_str() {
            "gzip" | "x-gzip" => gzip = gzip.max(Some(quality)),
            "identity" => identity = Some(quality),
            "*" => any = Some(quality),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    if gzip > 0 && gzip >= identity.unwrap_or(0) { Encoding::Gzip } else { Encoding::Identity }
}

/// The items of a list header with their quality in thousandths; malformed qualities drop their item.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, u32)> {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|item| {
        let mut parameters = item.split(';').skip(1).map(str::trim);
        let quality = match parameters.find_map(|parameter| value(parameter, "q")) {
            Some(text) => thousandths(text)?,
            None => 1000,
        };
        Some((item.trim(), quality))
    })
}

fn value<'a>(parameter: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = parameter.split_once('=')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
}

fn thousandths(text: &str) -> Option<u32> {
    let quality: f64 = text.parse().ok()?;
    // Invariant: the range was just checked, so the cast keeps the value.
    (0.0..=1.0).contains(&quality).then(|| (quality * 1000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn formats_follow_quality_then_order() {
        let prometheus_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let protobuf_first = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.6";
        let cases: &[(&[&str], Format)] = &[
            (&[], Format::Text),
            (&[""], Format::Text),
            (&[prometheus_2_42], Format::OpenMetrics),
            (&[prometheus_3], Format::OpenMetrics),
            (&[protobuf_first], Format::Text),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Format::Text),
            (&["application/json"], Format::Text),
            (&["application/openmetrics-text"], Format::OpenMetrics),
            (&["Application/OpenMetrics-Text; Version=\"1.0.0\""], Format::OpenMetrics),
            (&["application/openmetrics-text;version=2.0.0"], Format::Text),
            (&["text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0"], Format::Text),
            (&["text/plain;q=0.5", "application/openmetrics-text;q=0.9"], Format::OpenMetrics),
            (&["application/openmetrics-text;q=0"], Format::Text),
            (&["text/plain;q=0, application/openmetrics-text;q=0.001"], Format::OpenMetrics),
            (&["application/openmetrics-text;q=2"], Format::Text),
            (&["application/openmetrics-text;q=x, */*;q=0.1"], Format::Text),
        ];
        for (accept, expected) in cases {
            assert_eq!(format(&headers(ACCEPT, accept)), *expected, "{accept:?}");
        }
    }

    #[test]
    fn gzip_is_used_only_where_it_is_allowed() {
        let cases: &[(&[&str], Encoding)] = &[
            (&[], Encoding::Identity),
            (&["gzip"], Encoding::Gzip),
            (&["x-gzip"], Encoding::Gzip),
            (&["GZIP;Q=0.5"], Encoding::Gzip),
            (&["gzip;q=0"], Encoding::Identity),
            (&["gzip; q=0.000, *"], Encoding::Identity),
            (&["*"], Encoding::Gzip),
            (&["*;q=0"], Encoding::Identity),
            (&["deflate, br"], Encoding::Identity),
            (&["zstd, gzip"], Encoding::Gzip),
            (&["identity;q=1, gzip;q=0.5"], Encoding::Identity),
            (&["identity;q=0.5, gzip;q=1"], Encoding::Gzip),
            (&["identity;q=0"], Encoding::Identity),
            (&["deflate", "gzip;q=0.1"], Encoding::Gzip),
        ];
        for (accept, expected) in cases {
            assert_eq!(encoding(&headers(ACCEPT_ENCODING, accept)), *expected, "{accept:?}");
        }
    }
}
