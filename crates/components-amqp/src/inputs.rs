//! Inputs.

millrace_component::component_list! {
    pub INPUTS: amqp_0_9
}
