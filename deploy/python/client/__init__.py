"""A producer and a consumer for Millrace's broker."""
