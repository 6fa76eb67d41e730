//! The settings of topics.

use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use millrace_kafka_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use crate::Result;
use crate::cluster::{Cluster, subject};
use crate::error::{Error, Reason};

/// The number of topics among resources.
const TOPIC: i8 = 2;
/// Where a value comes from when the topic sets it itself.
const SET_BY_TOPIC: i8 = 1;
const SET: i8 = 0;
const DELETE: i8 = 1;

/// A setting of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    pub name: String,
    /// `None` for what is secret.
    pub value: Option<String>,
    /// Whether the topic sets it itself; else it is that of the broker.
    pub is_set: bool,
}

impl Cluster {
    /// All settings of a topic.
    ///
    /// # Errors
    /// There is no such topic, or the broker does not tell them.
    pub async fn topic_configs(&self, topic: &str) -> Result<Vec<ConfigEntry>> {
        self.retry(|| self.ask_configs(topic)).await
    }

    async fn ask_configs(&self, topic: &str) -> Result<Vec<ConfigEntry>> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: TOPIC,
                resource_name: topic.into(),
                configuration_keys: None,
            }],
            ..DescribeConfigsRequest::default()
        };
        let connection = self.any().await?;
        let response = connection.call(&request).await?;
        let explain = |error: Error| {
            let error = connection.explain::<DescribeConfigsRequest>(error);
            error.of(subject(topic))
        };
        let result = response.results.into_iter().next();
        let none = || explain(Error::new(Reason::Incomplete("leaves out the topic")));
        let result = result.ok_or_else(none)?;
        Error::check(result.error_code, result.error_message.as_ref()).map_err(explain)?;
        let entries = result.configs.into_iter().map(|it| ConfigEntry {
            name: it.name.to_string(),
            value: it.value.as_ref().map(ToString::to_string),
            is_set: it.config_source == SET_BY_TOPIC,
        });
        Ok(entries.collect())
    }

    /// Sets and resets settings of a topic, all of them or none.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn alter_topic_configs(
        &self,
        topic: &str,
        set: &[(String, String)],
        reset: &[String],
    ) -> Result<()> {
        let altered = |name: &str, operation: i8, value: Option<Str>| AlterableConfig {
            name: name.into(),
            config_operation: operation,
            value,
        };
        let sets = set
            .iter()
            .map(|(name, value)| altered(name, SET, Some((&**value).into())));
        let resets = reset.iter().map(|name| altered(name, DELETE, None));
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: topic.into(),
                configs: sets.chain(resets).collect(),
            }],
            validate_only: false,
        };
        // To set the same twice is to set it once.
        self.retry(|| self.send_configs(topic, &request)).await
    }

    async fn send_configs(
        &self,
        topic: &str,
        request: &IncrementalAlterConfigsRequest,
    ) -> Result<()> {
        let connection = self.any().await?;
        let response = connection.call(request).await?;
        for result in &response.responses {
            let checked = Error::check(result.error_code, result.error_message.as_ref());
            checked.map_err(|error| {
                let error = connection.explain::<IncrementalAlterConfigsRequest>(error);
                error.of(subject(topic))
            })?;
        }
        Ok(())
    }
}
