//! What must come out: every city of the example's file with the model's answer for it.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

use crate::crc32::crc32;
use crate::csv;

/// A city as it stands in the file, and what the model says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct City {
    pub name: String,
    pub country: String,
    pub population: String,
    pub note: String,
    pub mayor: String,
}

/// All cities by their ids.
pub type Cities = HashMap<String, City>;

/// Reads the example's file.
pub fn read() -> Result<Cities> {
    read_from(crate::cities::FILE)
}

/// Reads a file of cities.
pub fn read_from(path: &str) -> Result<Cities> {
    let text = fs::read_to_string(path).with_context(|| format!("read `{path}`"))?;
    let records = csv::parse(&text);
    let (header, rows) = records
        .split_first()
        .context("the file of cities is empty")?;
    let column = |name: &str| {
        header
            .iter()
            .position(|it| it == name)
            .with_context(|| format!("no column `{name}`"))
    };
    let columns = [
        column("id")?,
        column("name")?,
        column("country")?,
        column("population")?,
        column("note")?,
    ];
    let mut cities = Cities::new();
    for row in rows {
        let [id, name, country, population, note] = columns.map(|index| row[index].clone());
        let mayor = mayor(&name, &country);
        cities.insert(
            id,
            City {
                name,
                country,
                population,
                note,
                mayor,
            },
        );
    }
    Ok(cities)
}

/// What the stand-in for a model in `examples/cities/model.yaml` answers.
fn mayor(name: &str, country: &str) -> String {
    let prompt = format!("Who is the mayor of {name}, {country}?");
    format!("The city hall says: mayor {:08x}", crc32(prompt.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_depends_on_the_city() {
        assert_eq!(mayor("Paris", "France"), mayor("Paris", "France"));
        assert_ne!(mayor("Paris", "France"), mayor("Paris", "United States"));
    }
}
