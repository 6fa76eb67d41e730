//! What the two workloads make that compute more than they move.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::data::{MONTHS, START};
use super::Add;

/// The heavy mapping of an order, without its fingerprint (a hash that is not computed here).
pub fn b3(order: &Value) -> Result<Option<Value>> {
    let items = order["items"].as_array().context("an order has no items")?;
    let mut bought: Vec<(String, u64)> = Vec::new();
    for item in items {
        let (qty, price) = (number(&item["qty"])?, number(&item["price_cents"])?);
        if qty > 0 {
            bought.push((text(&item["sku"])?.to_lowercase(), qty * price));
        }
    }
    let total: u64 = bought.iter().map(|(_, cents)| cents).sum();
    let most = bought.iter().map(|(_, cents)| *cents).max();
    let tags = order["tags"].as_array().context("an order has no tags")?;
    let mut tags: Vec<String> = tags
        .iter()
        .map(|tag| Ok(text(tag)?.trim().to_lowercase()))
        .collect::<Result<_>>()?;
    tags.sort();
    tags.dedup();
    let created = text(&order["created_at"])?;
    Ok(Some(json!({
        "id": order["id"], "lines": lines_of(&bought), "total": total, "max": most,
        "day": &created[..10], "hour": created[11..13].parse::<u64>()?,
        "unix": unix(&created[..10], &created[11..19])?, "ua": product(text(&order["user_agent"])?),
        "tags": tags.join(","),
        "tier": if total > 100_000 { "gold" } else if total > 20_000 { "silver" } else { "basic" },
        "note": order["note"].as_str().unwrap_or("none"),
    })))
}

/// An output message in the form of [`b3`], once its fingerprint and the order of its lines have been
/// looked at. Lines of one article may stand in any order.
pub fn without_fingerprint(message: &Value) -> Result<Option<Value>> {
    let mut message = message.clone();
    let fields = message.as_object_mut().context("a message is no object")?;
    let fingerprint = fields.remove("fingerprint");
    if fingerprint
        .as_ref()
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        bail!("a message has no fingerprint: {message}");
    }
    let mut lines = Vec::new();
    for line in message["lines"]
        .as_array()
        .context("a message has no lines")?
    {
        lines.push((text(&line["sku"])?.to_owned(), number(&line["cents"])?));
    }
    if !lines.is_sorted_by_key(|(sku, _)| sku) {
        bail!("the lines of a message are not sorted: {message}");
    }
    message["lines"] = lines_of(&lines);
    Ok(Some(message))
}

fn lines_of(bought: &[(String, u64)]) -> Value {
    let mut sorted = bought.to_vec();
    sorted.sort();
    sorted
        .iter()
        .map(|(sku, cents)| json!({"sku": sku, "cents": cents}))
        .collect()
}

/// What `^(?P<product>[A-Za-z]+)/(?P<version>[0-9.]+)` finds.
fn product(agent: &str) -> Value {
    let Some((product, rest)) = agent.split_once('/') else {
        return json!({});
    };
    let digits = rest
        .find(|it: char| !it.is_ascii_digit() && it != '.')
        .unwrap_or(rest.len());
    let version = &rest[..digits];
    if product.is_empty()
        || version.is_empty()
        || !product.chars().all(|it| it.is_ascii_alphabetic())
    {
        return json!({});
    }
    json!({"0": format!("{product}/{version}"), "product": product, "version": version})
}

/// The lines of an access log as the grok pattern takes them apart.
pub fn b3b(input: &str, add: Add) -> Result<()> {
    let log = fs::read_to_string(input).with_context(|| format!("read `{input}`"))?;
    for line in log.lines() {
        let message = access(line).with_context(|| format!("`{line}` is no line of the log"))?;
        add(message)?;
    }
    Ok(())
}

fn access(line: &str) -> Option<Value> {
    let (client, rest) = line.split_once(' ')?;
    let (ident, rest) = rest.split_once(' ')?;
    let (auth, rest) = rest.split_once(" [")?;
    let (time, rest) = rest.split_once(" +0000] \"")?;
    let (verb, rest) = rest.split_once(' ')?;
    let (path, rest) = rest.split_once(" HTTP/")?;
    let (http, rest) = rest.split_once("\" ")?;
    let (status, bytes) = rest.split_once(' ')?;
    let status: u64 = status.parse().ok()?;
    let (day, clock) = time.split_once(':')?;
    let [day, month, year] = <[&str; 3]>::try_from(day.split('/').collect::<Vec<_>>()).ok()?;
    let month = MONTHS.iter().position(|it| *it == month)? + 1;
    let unix = unix(&format!("{year}-{month:02}-{day}"), clock).ok()?;
    Some(json!({
        "client": client, "ident": ident, "auth": auth, "ts": unix, "verb": verb, "path": path,
        "http": http, "status": status, "bytes": bytes.parse::<u64>().ok()?,
        "class": format!("{}xx", status / 100),
    }))
}

/// Seconds since 1970 of a day of 2026 and a clock, `YYYY-MM-DD` and `HH:MM:SS`.
fn unix(day: &str, clock: &str) -> Result<u64> {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let numbers = |text: &str, separator| -> Option<[u64; 3]> {
        let numbers = text.split(separator).map(|part| part.parse().ok());
        numbers.collect::<Option<Vec<u64>>>()?.try_into().ok()
    };
    let (Some([2026, month @ 1..=12, day]), Some([hour, minute, second])) =
        (numbers(day, '-'), numbers(clock, ':'))
    else {
        bail!("`{day} {clock}` is no time of 2026");
    };
    let days = BEFORE[usize::try_from(month - 1)?] + day - 1;
    Ok(START + days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("`{value}` is no text"))
}

fn number(value: &Value) -> Result<u64> {
    value
        .as_u64()
        .with_context(|| format!("`{value}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_1970() {
        assert_eq!(unix("2026-01-01", "00:00:00").unwrap(), START);
        assert_eq!(
            unix("2026-12-31", "23:59:59").unwrap(),
            START + 365 * 86_400 - 1
        );
        assert!(unix("2025-01-01", "00:00:00").is_err());
    }

    #[test]
    fn only_an_agent_with_a_plain_name_has_a_product() {
        let found = json!({"0": "curl/8.5.0", "product": "curl", "version": "8.5.0"});
        assert_eq!(product("curl/8.5.0"), found);
        assert_eq!(product("Mozilla/5.0 (X11; Linux)")["version"], "5.0");
        assert_eq!(product("Go-http-client/2.0"), json!({}));
        assert_eq!(product("none"), json!({}));
    }

    #[test]
    fn a_line_of_the_log_is_taken_apart() {
        let line = "10.1.2.3 - user7 [03/Feb/2026:04:05:06 +0000] \"GET /p?q=1 HTTP/1.1\" 404 12";
        let expected = json!({
            "client": "10.1.2.3", "ident": "-", "auth": "user7", "verb": "GET", "path": "/p?q=1",
            "http": "1.1", "status": 404, "bytes": 12, "class": "4xx",
            "ts": START + 33 * 86_400 + 4 * 3600 + 5 * 60 + 6,
        });
        assert_eq!(access(line), Some(expected));
        assert_eq!(access("hello"), None);
    }

    #[test]
    fn lines_that_are_not_sorted_and_a_missing_fingerprint_are_wrong() {
        let line = |sku: &str| json!({"sku": sku, "cents": 1});
        let right = json!({"fingerprint": "1", "lines": [line("a"), line("b")]});
        assert!(without_fingerprint(&right).is_ok());
        let unsorted = json!({"fingerprint": "1", "lines": [line("b"), line("a")]});
        assert!(without_fingerprint(&unsorted).is_err());
        assert!(without_fingerprint(&json!({"lines": []})).is_err());
    }
}
