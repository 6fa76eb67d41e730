//! The brokers of a cluster.

use millrace_kafka_wire::api::describe_cluster::DescribeClusterRequest;

use crate::Result;
use crate::cluster::Cluster;
use crate::error::Error;

/// A cluster and its brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    pub id: String,
    /// The broker that changes of the metadata are sent to; −1 when there is none.
    pub controller: i32,
    pub brokers: Vec<BrokerInfo>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerInfo {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

impl Cluster {
    /// Lists the brokers.
    ///
    /// # Errors
    /// The broker does not tell them.
    pub async fn describe_cluster(&self) -> Result<ClusterInfo> {
        self.retry(|| self.ask_cluster()).await
    }

    async fn ask_cluster(&self) -> Result<ClusterInfo> {
        let connection = self.any().await?;
        let told = connection.call(&DescribeClusterRequest::default()).await?;
        Error::check(told.error_code, told.error_message.as_ref())
            .map_err(|error| connection.explain::<DescribeClusterRequest>(error))?;
        let mut brokers: Vec<_> = told
            .brokers
            .iter()
            .map(|it| BrokerInfo {
                id: it.broker_id,
                host: it.host.to_string(),
                port: it.port,
                rack: it.rack.as_ref().map(ToString::to_string),
            })
            .collect();
        brokers.sort_by_key(|it| it.id);
        Ok(ClusterInfo {
            id: told.cluster_id.to_string(),
            controller: told.controller_id,
            brokers,
        })
    }
}
