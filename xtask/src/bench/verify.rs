//! Recomputes what a workload must have written, from its input and with none of the product's code.

mod heavy;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::crc32::crc32;

/// How many wrong messages of each kind are shown.
const SHOWN: usize = 2;

/// `cargo xtask bench verify WORKLOAD OUTPUT INPUT`, for `b1` its number of messages as the input.
/// Prints what is wrong; true when nothing is.
pub fn run(arguments: &[String]) -> Result<bool> {
    let [workload, output, input] = arguments else {
        bail!("usage: cargo xtask bench verify WORKLOAD OUTPUT INPUT")
    };
    let verdict = match workload.as_str() {
        "b1" => {
            let count = input
                .parse::<u64>()
                .context("read the number of messages")?;
            compare(
                |add| (1..=count).try_for_each(|n| add(b1(n))),
                |add| lines(output, add),
            )
        }
        "b2" => compare(
            |add| lines(input, &mut present(b2, add)),
            |add| lines(output, add),
        ),
        "b3" => compare(
            |add| lines(input, &mut present(heavy::b3, add)),
            |add| lines(output, &mut present(heavy::without_fingerprint, add)),
        ),
        "b3b" => compare(|add| heavy::b3b(input, add), |add| lines(output, add)),
        "b4" => check_b4(input, output),
        "b5" => compare(
            |add| lines(input, &mut present(b5, add)),
            |add| archives(output, add),
        ),
        other => bail!("`{other}` writes no file that could be verified"),
    };
    let complaints = verdict.with_context(|| format!("verify `{output}`"))?;
    for complaint in &complaints {
        eprintln!("{workload}: {complaint}");
    }
    Ok(complaints.is_empty())
}

/// Takes the messages of one side, one after the other.
type Add<'a> = &'a mut dyn FnMut(Value) -> Result<()>;

fn b1(n: u64) -> Value {
    let amount = n % 97;
    json!({
        "id": n, "user": format!("USER-{}", n % 1000), "amount": amount,
        "amount_x2": amount * 2, "is_click": n.is_multiple_of(3),
    })
}

fn b2(order: &Value) -> Result<Option<Value>> {
    if order["status"] == "test" {
        return Ok(None);
    }
    let customer = &order["customer"];
    let name = customer["name"].as_str().context("an order has no name")?;
    let domain = customer["email"]
        .as_str()
        .and_then(|it| it.split('@').nth(1));
    let items = order["items"].as_array().context("an order has no items")?;
    let country = order["address"]["country"].as_str().unwrap_or("??");
    Ok(Some(json!({
        "order_id": order["id"], "customer": name.trim().to_uppercase(), "email_domain": domain,
        "n_items": items.len(), "total": total(items),
        "country": country,
    })))
}

/// The sum of quantity times price over the items of an order.
pub fn total(items: &[Value]) -> u64 {
    let price = |item: &Value| Some(item["qty"].as_u64()? * item["price_cents"].as_u64()?);
    items.iter().filter_map(price).sum()
}

fn b5(order: &Value) -> Result<Option<Value>> {
    Ok(Some(without(order, &["user_agent"])))
}

/// Which of two messages with one id survives depends on the threads, so every distinct id must be
/// there once, as one of its orders, enriched.
fn check_b4(input: &str, output: &str) -> Result<Vec<String>> {
    let mut ids = HashSet::new();
    let mut orders = HashSet::new();
    lines(input, &mut |order| {
        ids.insert(order["id"].as_u64());
        orders.insert(key(&without(&order, &["items", "note"])));
        Ok(())
    })?;
    let expected = ids.len();
    let mut complaints = Vec::new();
    let mut got = 0;
    lines(output, &mut |message| {
        got += 1;
        let wrong = if !ids.remove(&message["id"].as_u64()) {
            "an id that was there before or never"
        } else if !orders.contains(&key(&without(&message, &["enriched"]))) {
            "not an order without `items` and `note`"
        } else if Some(&message["enriched"]) != enrichment(&message).as_ref() {
            "wrong enrichment"
        } else {
            return Ok(());
        };
        if complaints.len() < SHOWN {
            complaints.push(format!("{wrong}: {message}"));
        }
        Ok(())
    })?;
    if got != expected || !complaints.is_empty() {
        complaints.push(format!("{got} messages, expected {expected}"));
    }
    Ok(complaints)
}

fn enrichment(message: &Value) -> Option<Value> {
    let user = message["customer"]["id"].as_u64()?;
    Some(json!({
        "user": user, "segment": format!("seg-{}", user % 7),
        "score": format!("{:08x}", crc32(user.to_string().as_bytes())),
    }))
}

fn without(message: &Value, keys: &[&str]) -> Value {
    let mut message = message.clone();
    if let Some(fields) = message.as_object_mut() {
        for key in keys {
            fields.remove(*key);
        }
    }
    message
}

/// Compares two sides as multisets: threads may change the order, nothing else.
fn compare(
    expected: impl Fn(Add) -> Result<()>,
    got: impl Fn(Add) -> Result<()>,
) -> Result<Vec<String>> {
    let mut balance: HashMap<u64, i64> = HashMap::new();
    let (mut wanted, mut found) = (0_u64, 0_u64);
    expected(&mut |message| {
        wanted += 1;
        *balance.entry(key(&message)).or_default() += 1;
        Ok(())
    })?;
    got(&mut |message| {
        found += 1;
        *balance.entry(key(&message)).or_default() -= 1;
        Ok(())
    })?;
    balance.retain(|_, count| *count != 0);
    if balance.is_empty() {
        return Ok(Vec::new());
    }
    let mut complaints = vec![format!("{found} messages, expected {wanted}")];
    let mut show = |side: &dyn Fn(Add) -> Result<()>, what: &str, sign: i64| -> Result<()> {
        let mut shown = 0;
        side(&mut |message| {
            let off = balance.get(&key(&message)).copied().unwrap_or_default();
            if off.signum() == sign && shown < SHOWN {
                shown += 1;
                complaints.push(format!("{what}: {message}"));
            }
            Ok(())
        })
    };
    show(&expected, "missing", 1)?;
    show(&got, "not expected", -1)?;
    Ok(complaints)
}

/// Object keys are sorted when a `Value` is printed, so equal messages have equal texts.
fn key(message: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.to_string().hash(&mut hasher);
    hasher.finish()
}

fn lines(path: &str, add: Add) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("read `{path}`"))?;
    for line in bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        add(serde_json::from_slice(line).with_context(|| {
            format!(
                "parse `{}`",
                String::from_utf8_lossy(&line[..line.len().min(200)])
            )
        })?)?;
    }
    Ok(())
}

/// Turns each input into the message that it must become, if any.
fn present<'a>(
    expect: fn(&Value) -> Result<Option<Value>>,
    add: &'a mut dyn FnMut(Value) -> Result<()>,
) -> impl FnMut(Value) -> Result<()> + 'a {
    move |input| expect(&input)?.map_or(Ok(()), &mut *add)
}

/// The messages in a file of gzip members that hold one JSON array each.
fn archives(path: &str, add: Add) -> Result<()> {
    let output = Command::new("gzip")
        .args(["-dc", path])
        .output()
        .context("start gzip")?;
    if !output.status.success() {
        bail!("gzip: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    for array in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Vec<Value>>() {
        array
            .context("parse an archive")?
            .into_iter()
            .try_for_each(&mut *add)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::data;
    use super::*;

    /// Orders in a file, what a workload makes of them, and a place for its output.
    struct Case {
        dir: tempfile::TempDir,
        input: String,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let input = data::orders(dir.path(), 500).unwrap();
            Self {
                input: input.to_str().unwrap().to_owned(),
                dir,
            }
        }

        fn orders(&self) -> Vec<Value> {
            let mut orders = Vec::new();
            lines(&self.input, &mut |order| {
                orders.push(order);
                Ok(())
            })
            .unwrap();
            orders
        }

        fn accepts(&self, workload: &str, output: &[u8]) -> bool {
            let path = self.dir.path().join("out");
            fs::write(&path, output).unwrap();
            self.accepts_file(workload, &path)
        }

        fn accepts_file(&self, workload: &str, path: &Path) -> bool {
            let words = [workload, path.to_str().unwrap(), &self.input].map(str::to_owned);
            run(&words).unwrap()
        }
    }

    fn text(messages: &[Value]) -> Vec<u8> {
        messages
            .iter()
            .flat_map(|it| format!("{it}\n").into_bytes())
            .collect()
    }

    #[test]
    fn a_right_b2_passes_in_any_order_and_a_wrong_one_does_not() {
        let case = Case::new();
        let mut right: Vec<Value> = case
            .orders()
            .iter()
            .filter_map(|order| b2(order).unwrap())
            .collect();
        right.reverse();
        assert!(case.accepts("b2", &text(&right)));
        assert!(!case.accepts("b2", &text(&right[1..])), "a lost message");
        let twice: Vec<Value> = right.iter().chain(&right[..1]).cloned().collect();
        assert!(!case.accepts("b2", &text(&twice)), "a doubled message");
        right[7]["total"] = json!(1);
        assert!(!case.accepts("b2", &text(&right)), "a wrong total");
    }

    #[test]
    fn a_b4_has_every_id_once_and_enriched() {
        let case = Case::new();
        let mut seen = HashSet::new();
        let mut right: Vec<Value> = case
            .orders()
            .iter()
            .filter(|order| seen.insert(order["id"].as_u64()))
            .map(|order| {
                let mut message = without(order, &["items", "note"]);
                message["enriched"] = enrichment(&message).unwrap();
                message
            })
            .collect();
        assert!(case.accepts("b4", &text(&right)));
        assert!(!case.accepts("b4", &text(&right[1..])));
        let twice: Vec<Value> = right.iter().chain(&right[..1]).cloned().collect();
        assert!(!case.accepts("b4", &text(&twice)));
        right[3]["enriched"]["score"] = json!("00000000");
        assert!(!case.accepts("b4", &text(&right)));
    }

    #[test]
    fn a_b5_is_read_through_its_archives() {
        let case = Case::new();
        let orders: Vec<Value> = case
            .orders()
            .iter()
            .map(|it| b5(it).unwrap().unwrap())
            .collect();
        let path = case.dir.path().join("out.json");
        let gzip = |messages: &[Value]| {
            let arrays: String = messages
                .chunks(100)
                .map(|it| json!(it).to_string())
                .collect();
            fs::write(&path, arrays).unwrap();
            let status = Command::new("gzip")
                .args(["-kf"])
                .arg(&path)
                .status()
                .unwrap();
            assert!(status.success());
            path.with_extension("json.gz")
        };
        assert!(case.accepts_file("b5", &gzip(&orders)));
        assert!(!case.accepts_file("b5", &gzip(&orders[1..])));
    }

    #[test]
    fn a_b1_counts_from_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let words = ["b1", path.to_str().unwrap(), "100"].map(str::to_owned);
        let right: Vec<Value> = (1..=100).map(b1).collect();
        fs::write(&path, text(&right)).unwrap();
        assert!(run(&words).unwrap());
        fs::write(&path, text(&right[1..])).unwrap();
        assert!(!run(&words).unwrap());
    }
}
