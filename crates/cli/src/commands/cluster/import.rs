//! `cluster import`: makes the topics of a file that are not there.

use std::path::Path;

use millrace_kafka_client::{Cluster, ConfigEntry, ErrorCode, NewTopic, TopicInfo};

use super::super::kafka::table::table;
use super::super::kafka::{Ended, Failure, answer, connect, object, text};
use super::metadata_file::read;
use crate::args::kafka::AdminArgs;
use millrace_spec::Literal;

/// What became of a topic.
enum Became {
    Created,
    /// It could be.
    Possible,
    Same,
    /// It is there, and is another one.
    Differs(String),
    Refused(String),
}

/// Makes topics, or says which would be made. What is there is compared, and never changed.
pub async fn import(file: &Path, is_tried: bool, admin: &AdminArgs) -> Ended {
    let wanted = read(file).map_err(Failure::Failed)?;
    let cluster = connect(&admin.cluster).await?;
    let present = cluster.list_topics().await?;
    let mut rows = Vec::new();
    let mut json = Vec::new();
    let mut is_done = true;
    for topic in &wanted {
        let found = present.iter().find(|it| it.name == topic.name);
        let became = match found {
            Some(found) => compare(&cluster, topic, found).await?,
            None => create(&cluster, topic, is_tried).await?,
        };
        is_done &= !matches!(became, Became::Differs(_) | Became::Refused(_));
        let (word, detail) = became.words();
        rows.push(vec![topic.name.clone(), word.to_owned(), detail.to_owned()]);
        json.push(object([
            ("topic", text(&topic.name)),
            ("result", text(word)),
            ("detail", text(detail)),
        ]));
    }
    let human = table(&["TOPIC", "RESULT", ""], &rows);
    answer(admin, &human, &Literal::List(json))?;
    match is_done {
        true => Ok(()),
        false => Err(Failure::Failed(
            "not every topic is as the file has it".to_owned(),
        )),
    }
}

async fn create(cluster: &Cluster, topic: &NewTopic, is_tried: bool) -> Result<Became, Failure> {
    match cluster.create_topic(topic, is_tried).await {
        Ok(_) if is_tried => Ok(Became::Possible),
        Ok(_) => Ok(Became::Created),
        // Somebody else was faster.
        Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {
            let found = cluster.describe_topic(&topic.name).await?;
            compare(cluster, topic, &found).await
        }
        Err(error) if error.code().is_some() => Ok(Became::Refused(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

async fn compare(
    cluster: &Cluster,
    wanted: &NewTopic,
    found: &TopicInfo,
) -> Result<Became, Failure> {
    let count = found.partitions.len();
    let expected = wanted.partitions.unwrap_or_default();
    if i32::try_from(count) != Ok(expected) {
        let text = format!("it has {count} partitions, and {expected} in the file");
        return Ok(Became::Differs(text));
    }
    let set = cluster.topic_configs(&wanted.name).await?;
    let set: Vec<_> = set.into_iter().filter(|it| it.is_set).collect();
    let different = differing(&wanted.configs, &set);
    Ok(match different.is_empty() {
        true => Became::Same,
        false => Became::Differs(format!("set otherwise: {}", different.join(", "))),
    })
}

/// The names of settings that are not the same in both.
fn differing(wanted: &[(String, String)], set: &[ConfigEntry]) -> Vec<String> {
    let is_wanted = |entry: &&ConfigEntry| {
        let mut same = wanted.iter().filter(|(name, _)| *name == entry.name);
        same.any(|(_, value)| Some(value) == entry.value.as_ref())
    };
    let is_set = |name: &String| set.iter().any(|it| it.name == *name);
    let others = set
        .iter()
        .filter(|it| !is_wanted(it))
        .map(|it| it.name.clone());
    let missing = wanted.iter().map(|(name, _)| name).filter(|it| !is_set(it));
    others.chain(missing.cloned()).collect()
}

impl Became {
    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Created => ("created", ""),
            Self::Possible => ("would be created", ""),
            Self::Same => ("is there", ""),
            Self::Differs(detail) => ("differs", detail),
            Self::Refused(reason) => ("refused", reason),
        }
    }
}
