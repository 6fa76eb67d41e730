//! Fetch sessions (KIP-227): a client says once what it reads, and then only what has changed.
//!
//! A broker has so many sessions at most. A new one takes the place of one that nobody has used for
//! two minutes, or of one that reads less; else the client goes on without, which it has to expect.

use std::collections::{BTreeMap, BTreeSet};

use millrace_kafka_wire::api::fetch::{
    FetchPartition, FetchRequest, FetchTopic, FetchableTopicResponse, PartitionData,
};
use millrace_kafka_wire::{ErrorCode, Str, Uuid};
use parking_lot::Mutex;

/// `min.incremental.fetch.session.eviction.ms`.
const UNUSED_MS: i64 = 120_000;

/// Epochs of requests that are no number in a row.
const INITIAL: i32 = 0;
const FINAL: i32 = -1;

/// Was told to nobody.
const NOTHING: (i64, i64) = (-2, -2);

/// The sessions of a broker.
pub struct Sessions {
    /// `max.incremental.fetch.session.cache.slots`.
    slots: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<i32, Session>,
}

struct Session {
    /// That of the next request.
    epoch: i32,
    last_used: i64,
    is_follower: bool,
    uses_ids: bool,
    /// In the order in which they are read; what gave records goes to the end.
    partitions: Vec<Cached>,
}

/// A partition of a session.
#[derive(Clone)]
struct Cached {
    name: Str,
    id: Uuid,
    asked: FetchPartition,
    /// High watermark and start, as the client was told last.
    told: (i64, i64),
}

/// What a request reads, and in which session.
pub struct Begun {
    pub session_id: i32,
    pub topics: Vec<FetchTopic>,
    /// Only what has changed is told.
    pub is_incremental: bool,
}

impl Begun {
    /// A request of a version without sessions.
    pub fn without(request: &mut FetchRequest) -> Self {
        Self {
            session_id: 0,
            topics: std::mem::take(&mut request.topics),
            is_incremental: false,
        }
    }
}

/// Who asks for a session.
pub struct Asking {
    pub now: i64,
    /// Topics are named by ids.
    pub uses_ids: bool,
    /// A random number for a session that begins.
    pub random: u32,
}

impl Sessions {
    /// At most so many.
    pub fn new(slots: usize) -> Self {
        Self {
            slots,
            state: Mutex::default(),
        }
    }

    /// What a request reads.
    ///
    /// # Errors
    /// There is no such session, or the request is not the next one of it: the client begins anew.
    pub fn begin(&self, request: &mut FetchRequest, asking: &Asking) -> Result<Begun, ErrorCode> {
        let mut state = self.state.lock();
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == INITIAL || epoch == FINAL {
            state.sessions.remove(&id);
            let topics = std::mem::take(&mut request.topics);
            let session_id = match epoch {
                INITIAL => state.open(&topics, request.replica_id >= 0, asking, self.slots),
                _ => 0,
            };
            return Ok(Begun {
                session_id,
                topics,
                is_incremental: false,
            });
        }
        let session = state.sessions.get_mut(&id);
        let session = session.ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_ids != asking.uses_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        session.epoch = epoch.checked_add(1).unwrap_or(1);
        session.last_used = asking.now;
        session.forget(request);
        session.change(std::mem::take(&mut request.topics));
        Ok(Begun {
            session_id: id,
            topics: session.topics(),
            is_incremental: true,
        })
    }

    /// Leaves out of the response what the client knows, and notes what it is told.
    pub fn finish(
        &self,
        session_id: i32,
        is_incremental: bool,
        responses: &mut Vec<FetchableTopicResponse>,
    ) {
        let mut state = self.state.lock();
        let Some(session) = state.sessions.get_mut(&session_id) else {
            return;
        };
        // They come as they were asked for; where the session has changed meanwhile, all is told.
        let mut known = session.partitions.iter_mut();
        let mut gave = BTreeSet::new();
        for topic in responses.iter_mut() {
            let (name, id) = (topic.topic.clone(), topic.topic_id);
            topic.partitions.retain(|data| {
                let index = data.partition_index;
                let Some(cached) = known.next().filter(|it| it.is(&name, id, index)) else {
                    return true;
                };
                if !data.records.is_empty() {
                    gave.insert((name.clone(), id, index));
                }
                cached.tell(data) || !is_incremental
            });
        }
        // The others come first the next time, so that none starves.
        session
            .partitions
            .sort_by_key(|it| gave.contains(&it.key()));
        responses.retain(|topic| !topic.partitions.is_empty());
    }
}

impl State {
    /// Begins a session, if there is room; 0 else.
    fn open(
        &mut self,
        topics: &[FetchTopic],
        is_follower: bool,
        asking: &Asking,
        slots: usize,
    ) -> i32 {
        let mut session = Session {
            epoch: 1,
            last_used: asking.now,
            is_follower,
            uses_ids: asking.uses_ids,
            partitions: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for topic in topics {
            for asked in &topic.partitions {
                let cached = Cached {
                    name: topic.topic.detach(),
                    id: topic.topic_id,
                    asked: asked.clone(),
                    told: NOTHING,
                };
                if seen.insert(cached.key()) {
                    session.partitions.push(cached);
                }
            }
        }
        if session.partitions.is_empty() || !self.make_room(&session, asking.now, slots) {
            return 0;
        }
        let mut id = (asking.random & i32::MAX as u32) as i32;
        while id == 0 || self.sessions.contains_key(&id) {
            id = (id + 1) & i32::MAX;
        }
        self.sessions.insert(id, session);
        id
    }

    fn make_room(&mut self, new: &Session, now: i64, slots: usize) -> bool {
        if self.sessions.len() < slots {
            return true;
        }
        let is_unused = |it: &Session| now - it.last_used > UNUSED_MS;
        let unused = self.sessions.iter().filter(|(_, it)| is_unused(it));
        let unused = unused.min_by_key(|(_, it)| it.last_used).map(|(id, _)| *id);
        // Followers come before consumers, and who reads more before who reads less.
        let rank = |it: &Session| (it.is_follower, it.partitions.len());
        let least = || {
            let least = self.sessions.iter().min_by_key(|(_, it)| rank(it));
            least
                .filter(|(_, it)| rank(it) < rank(new))
                .map(|(id, _)| *id)
        };
        match unused.or_else(least) {
            Some(id) => self.sessions.remove(&id).is_some(),
            None => false,
        }
    }
}

impl Session {
    fn position(&self, name: &str, id: Uuid, partition: i32) -> Option<usize> {
        self.partitions
            .iter()
            .position(|it| it.is(name, id, partition))
    }

    fn forget(&mut self, request: &FetchRequest) {
        for topic in &request.forgotten_topics_data {
            for partition in &topic.partitions {
                if let Some(at) = self.position(&topic.topic, topic.topic_id, *partition) {
                    self.partitions.remove(at);
                }
            }
        }
    }

    fn change(&mut self, topics: Vec<FetchTopic>) {
        for topic in topics {
            for asked in topic.partitions {
                match self.position(&topic.topic, topic.topic_id, asked.partition) {
                    Some(at) => self.partitions[at].asked = asked,
                    None => self.partitions.push(Cached {
                        name: topic.topic.detach(),
                        id: topic.topic_id,
                        asked,
                        told: NOTHING,
                    }),
                }
            }
        }
    }

    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for cached in &self.partitions {
            let is_same = |it: &FetchTopic| it.topic == cached.name && it.topic_id == cached.id;
            match topics.last_mut().filter(|it| is_same(it)) {
                Some(topic) => topic.partitions.push(cached.asked.clone()),
                None => topics.push(FetchTopic {
                    topic: cached.name.clone(),
                    topic_id: cached.id,
                    partitions: vec![cached.asked.clone()],
                }),
            }
        }
        topics
    }
}

impl Cached {
    fn key(&self) -> (Str, Uuid, i32) {
        (self.name.clone(), self.id, self.asked.partition)
    }

    fn is(&self, name: &str, id: Uuid, partition: i32) -> bool {
        self.asked.partition == partition && self.id == id && self.name.as_str() == name
    }

    /// Whether the client has to hear of it; notes that it does.
    fn tell(&mut self, data: &PartitionData) -> bool {
        let now = (data.high_watermark, data.log_start_offset);
        let has_failed = data.error_code != 0;
        let parts = data.diverging_epoch.epoch >= 0;
        let is_news = has_failed || parts || !data.records.is_empty() || self.told != now;
        // After an error all is told anew.
        self.told = if has_failed { NOTHING } else { now };
        is_news
    }
}

#[cfg(test)]
mod tests;
