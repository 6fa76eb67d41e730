//! Metric registry, log layer and trace set-up.
