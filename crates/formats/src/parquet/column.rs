//! A column that is read value by value, page by page.

use millrace_message::Value;

use super::footer::Chunk;
use super::page::{self, Header, Page};
use super::schema::Column;
use super::thrift::Reader;
use super::{Budget, Result, damaged};

pub(super) struct Cursor<'a> {
    column: &'a Column,
    codec: i64,
    /// The pages that were not read yet.
    rest: Reader<'a>,
    dictionary: Option<Vec<Value>>,
    definition: Vec<u32>,
    repetition: Vec<u32>,
    /// How many levels the page has, and how many of them were taken.
    count: usize,
    taken: usize,
    values: std::vec::IntoIter<Value>,
}

impl<'a> Cursor<'a> {
    pub fn new(file: &'a [u8], column: &'a Column, chunk: &Chunk) -> Result<Self> {
        if chunk.physical != column.physical.code() {
            return damaged(format!(
                "column `{}` has another type than the schema says",
                column.name
            ));
        }
        let end = chunk.start.checked_add(chunk.size);
        let Some(pages) = end.and_then(|end| file.get(chunk.start..end)) else {
            return damaged(format!("column `{}` is not within the file", column.name));
        };
        Ok(Self {
            column,
            codec: chunk.codec,
            rest: Reader::new(pages),
            dictionary: None,
            definition: Vec::new(),
            repetition: Vec::new(),
            count: 0,
            taken: 0,
            values: Vec::new().into_iter(),
        })
    }

    /// Whether there is a value or a null left; reads a page when it has to.
    fn fill(&mut self, budget: &mut Budget) -> Result<bool> {
        while self.taken == self.count {
            if self.rest.rest.is_empty() {
                return Ok(false);
            }
            let header = Header::read(&mut self.rest)?;
            let data = self.rest.take(header.compressed_size)?;
            if header.is_index() {
                continue;
            }
            if header.is_dictionary() {
                if self.dictionary.is_some() {
                    return damaged(format!(
                        "column `{}` has two dictionaries",
                        self.column.name
                    ));
                }
                let dictionary = page::dictionary(self.column, &header, self.codec, data, budget)?;
                self.dictionary = Some(dictionary);
                continue;
            }
            let dictionary = self.dictionary.as_deref();
            let page = page::data(self.column, &header, self.codec, data, dictionary, budget)?;
            self.turn(page);
        }
        Ok(true)
    }

    fn turn(&mut self, page: Page) {
        self.definition = page.definition;
        self.repetition = page.repetition;
        self.count = page.count;
        self.taken = 0;
        self.values = page.values.into_iter();
    }

    /// The definition level of what comes next.
    pub fn definition(&mut self, budget: &mut Budget) -> Result<u16> {
        if !self.fill(budget)? {
            return damaged(format!(
                "column `{}` ends before its rows do",
                self.column.name
            ));
        }
        Ok(self.definition.get(self.taken).map_or(0, |it| *it as u16))
    }

    /// The repetition level of what comes next, if anything does.
    pub fn repetition(&mut self, budget: &mut Budget) -> Result<Option<u16>> {
        Ok(match self.fill(budget)? {
            true => Some(self.repetition.get(self.taken).map_or(0, |it| *it as u16)),
            false => None,
        })
    }

    /// Takes what comes next: a value, or null where a field around it is not there.
    pub fn take(&mut self, budget: &mut Budget) -> Result<Value> {
        let definition = self.definition(budget)?;
        self.taken += 1;
        if definition < self.column.definition_max {
            return Ok(Value::Null);
        }
        match self.values.next() {
            Some(value) => Ok(value),
            None => damaged(format!("column `{}` has too few values", self.column.name)),
        }
    }
}
