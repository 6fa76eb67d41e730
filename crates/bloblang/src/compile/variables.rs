//! The variables of one body: each name has a slot.

use std::collections::HashMap;

use millrace_message::Text;

#[derive(Default)]
pub(super) struct Variables {
    by_name: HashMap<Text, Variable>,
    slots: usize,
}

#[derive(Clone, Copy)]
struct Variable {
    slot: usize,
    /// Whether a statement above the one at hand assigns it.
    is_assigned: bool,
}

impl Variables {
    /// Those that a body begins with, in the order of their slots; of a name that is given twice the
    /// first one counts.
    pub fn given(names: impl Iterator<Item = Text>) -> Variables {
        let mut variables = Variables::default();
        for name in names {
            let slot = variables.next_slot();
            let is_assigned = true;
            let variable = Variable { slot, is_assigned };
            variables.by_name.entry(name).or_insert(variable);
        }
        variables
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.slots
    }

    fn next_slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    /// The slot of a variable that is assigned from now on.
    pub fn assign(&mut self, name: &str) -> usize {
        self.slot(name, true).slot
    }

    /// The slot of a variable, and whether it is assigned. A name that is only read gets one too,
    /// which stays empty.
    pub fn read(&mut self, name: &str) -> (usize, bool) {
        let variable = self.slot(name, false);
        (variable.slot, variable.is_assigned)
    }

    fn slot(&mut self, name: &str, assigns: bool) -> Variable {
        if let Some(variable) = self.by_name.get_mut(name) {
            variable.is_assigned |= assigns;
            return *variable;
        }
        let variable = Variable {
            slot: self.next_slot(),
            is_assigned: assigns,
        };
        self.by_name.insert(Text::from(name), variable);
        variable
    }
}
