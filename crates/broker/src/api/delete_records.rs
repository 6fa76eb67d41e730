//! DeleteRecords (KIP-107): deletes from the start of partitions.

use std::sync::Arc;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use super::Call;
use crate::broker::{Found, Topic};
use crate::partitions::{Refused, answered};

pub async fn handle(call: Call, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let deleted = delete(&call, &topic.name, asked).await;
            let code = deleted.as_ref().err().map_or(ErrorCode::None, |it| it.code);
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark: deleted.unwrap_or(-1),
                error_code: code.number(),
            });
        }
        topics.push(DeleteRecordsTopicResult {
            name: topic.name.clone(),
            partitions,
        });
    }
    DeleteRecordsResponse {
        topics,
        ..DeleteRecordsResponse::default()
    }
}

async fn delete(call: &Call, topic: &str, asked: &DeleteRecordsPartition) -> Result<i64, Refused> {
    let Found { partition, .. } = call
        .broker
        .find(Topic::Name(topic), asked.partition_index)?;
    let removing = call.broker.partitions().removing().await;
    let deleting = partition.delete_records(asked.offset);
    // Whoever asked may be gone before files are.
    let deleting = tokio::spawn(async move {
        let deleted = answered(deleting).await;
        drop(removing);
        deleted
    });
    let (start, removed) = deleting.await.unwrap_or_else(|_| Err(Refused::gone()))?;
    if !removed.is_empty() {
        let broker = Arc::clone(&call.broker);
        // Nobody waits for it.
        tokio::spawn(async move { broker.partitions().unlink(vec![removed]).await });
    }
    Ok(start)
}
