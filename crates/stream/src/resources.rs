//! Resources: components that others name by label, built once, when they are first used.

use std::collections::BTreeMap;

use millrace_message::Error;
use parking_lot::Mutex;

/// Resources of one kind: `C` is the config, `B` what is built of it.
pub(crate) struct Resources<C, B> {
    kind: &'static str,
    slots: BTreeMap<String, Slot<C, B>>,
}

struct Slot<C, B> {
    config: C,
    index: usize,
    state: Mutex<State<B>>,
}

enum State<B> {
    Configured,
    Building,
    Built(B),
}

impl<C, B: Clone> Resources<C, B> {
    /// Resources, each with its place in the list of its kind, by their labels.
    pub(crate) fn new(
        kind: &'static str,
        configs: Vec<(usize, C)>,
        label: impl Fn(&C) -> &str,
    ) -> Self {
        let slot = |(index, config): (usize, C)| {
            let slot = Slot {
                index,
                state: Mutex::new(State::Configured),
                config,
            };
            (label(&slot.config).to_owned(), slot)
        };
        Self {
            kind,
            slots: configs.into_iter().map(slot).collect(),
        }
    }

    /// The resource of this label; `build` gets its config and its place in the list.
    ///
    /// # Errors
    /// There is none, it uses itself, or it cannot be built.
    pub(crate) fn get(
        &self,
        label: &str,
        build: impl FnOnce(&C, usize) -> Result<B, Error>,
    ) -> Result<B, Error> {
        let Some(slot) = self.slots.get(label) else {
            return Err(self.undeclared(label));
        };
        let earlier = std::mem::replace(&mut *slot.state.lock(), State::Building);
        let built = match earlier {
            State::Built(built) => Ok(built),
            State::Configured => build(&slot.config, slot.index),
            State::Building => Err(Error::fatal(format!(
                "{} resource `{label}` uses itself",
                self.kind
            ))),
        };
        *slot.state.lock() = match &built {
            Ok(built) => State::Built(built.clone()),
            Err(_) => State::Configured,
        };
        built
    }

    /// The config of the resource of this label.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn config(&self, label: &str) -> Result<C, Error>
    where
        C: Clone,
    {
        let slot = self.slots.get(label);
        let config = slot.map(|slot| slot.config.clone());
        config.ok_or_else(|| self.undeclared(label))
    }

    fn undeclared(&self, label: &str) -> Error {
        Error::fatal(format!("{} resource `{label}` is not declared", self.kind))
    }

    /// Every label, in order.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.slots.keys().map(String::as_str)
    }

    /// What has been built, with its label.
    pub(crate) fn built(&self) -> Vec<B> {
        self.slots
            .values()
            .filter_map(|slot| match &*slot.state.lock() {
                State::Built(built) => Some(built.clone()),
                _ => None,
            })
            .collect()
    }
}
