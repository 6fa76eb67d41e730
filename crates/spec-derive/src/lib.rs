//! The derive that turns a config struct into its field table and its reader.
