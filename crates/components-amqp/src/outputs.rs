//! Outputs.

millrace_component::component_list! {
    pub OUTPUTS: amqp, amqp_0_9
}
