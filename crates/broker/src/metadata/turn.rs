//! Decisions one after another, each on what those before it have left.

use millrace_kafka_wire::metadata::MetadataRecord;

use super::image::Image;

/// The records of a change that is made of several decisions.
pub struct Turn {
    image: Image,
    records: Vec<MetadataRecord>,
}

impl Turn {
    pub fn new(image: &Image) -> Self {
        Self {
            image: image.clone(),
            records: Vec::new(),
        }
    }

    /// The cluster as the decisions so far leave it.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Adds to the change.
    ///
    /// # Panics
    /// The record does not follow from the image.
    pub fn add(&mut self, record: MetadataRecord) {
        let applied = self.image.apply(&record);
        applied.expect("a record that was made from the image follows from it");
        self.records.push(record);
    }

    pub fn into_records(self) -> Vec<MetadataRecord> {
        self.records
    }
}
