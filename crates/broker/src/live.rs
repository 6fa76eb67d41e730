//! The settings that hold now: those of the file, and what was changed while the broker runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::config::{BrokerConfig, Texts, TopicConfig};
use crate::metadata::{BROKER, Image, TOPIC, TopicImage};
use crate::partitions::Partitions;

/// Follows the metadata: opens and removes partitions, and has settings hold.
pub struct Live {
    /// As the broker was started with.
    base: BrokerConfig,
    config: ArcSwap<BrokerConfig>,
    partitions: Arc<Partitions>,
    last: Mutex<Arc<Image>>,
}

impl Live {
    pub fn new(base: BrokerConfig, partitions: Arc<Partitions>) -> Self {
        Self {
            config: ArcSwap::from_pointee(base.clone()),
            base,
            partitions,
            last: Mutex::default(),
        }
    }

    /// The settings of the broker.
    pub fn config(&self) -> Arc<BrokerConfig> {
        self.config.load_full()
    }

    /// What a topic sets itself.
    pub fn overrides(image: &Image, topic: &str) -> Texts {
        let set = image.config(TOPIC, topic);
        set.map(|it| Texts::clone(it)).unwrap_or_default()
    }

    /// Takes a new image over; one call at a time, in the order of the images.
    pub async fn follow(&self, image: Arc<Image>) {
        let before = std::mem::replace(&mut *self.last.lock(), Arc::clone(&image));
        let is_changed = self.reconfigure(&before, &image);
        let config = self.config();
        let resolve = |topic: &TopicImage| {
            TopicConfig::resolve(&config, &Self::overrides(&image, &topic.name))
        };
        self.partitions.apply(&image, resolve).await;
        let set = |image: &Image, name: &str| image.config(TOPIC, name).cloned();
        for topic in image.topics() {
            let is_new = before.topic_by_id(topic.id).is_none();
            if !is_new && (is_changed || set(&before, &topic.name) != set(&image, &topic.name)) {
                self.partitions.configure(topic, &Arc::new(resolve(topic)));
            }
        }
    }

    /// Has changed settings of brokers hold; whether there are any.
    fn reconfigure(&self, before: &Image, now: &Image) -> bool {
        let node_id = self.base.node_id.to_string();
        let set = |image: &Image, name: &str| image.config(BROKER, name).cloned();
        if set(before, "") == set(now, "") && set(before, &node_id) == set(now, &node_id) {
            return false;
        }
        let texts = |name: &str| {
            set(now, name)
                .map(|it| Texts::clone(&it))
                .unwrap_or_default()
        };
        let (config, unfit) = self.base.with_dynamic(&texts(""), &texts(&node_id));
        for name in unfit {
            tracing::warn!(%name, "a setting of the cluster does not hold on this broker");
        }
        self.config.store(Arc::new(config));
        true
    }
}
